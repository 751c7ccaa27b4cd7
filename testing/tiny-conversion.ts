import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openModel } from '../quant/checkpoint/open-model.ts';
import { inlineExecutor } from '../quant/conversion/executors.ts';
import type { JobExecutor } from '../quant/conversion/job.ts';
import { prepareConversion, type ConversionRequest } from '../quant/conversion/prepare.ts';
import { convert } from '../quant/convert.ts';
import { nodeFileSystem, type FileSystem } from '../quant/file-system.ts';
import { noTreatment } from '../quant/methods/treatment.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { writeTinyCheckpoint } from './tiny-checkpoint.ts';

export interface TinyConversion extends Partial<ConversionRequest> {
  /** For all that is read and written. */
  fileSystem?: FileSystem;
  executor?: JobExecutor;
  overwrite?: boolean;
  resume?: boolean;
  version?: string;
  notes?: string[];
}

/** What tests ask for unless they say otherwise: files so small that there are several. */
export const tinyRequest: ConversionRequest = {
  mode: 'w8a8',
  groupSize: 0,
  clip: { kind: 'minmax' },
  ignore: ['lm_head'],
  onIndivisible: 'error',
  maxShardBytes: 16_000,
  treatment: noTreatment,
};

/** Converts `root/in` to `root/out`. */
export async function convertTiny(root: string, options: TinyConversion = {}): Promise<void> {
  const { fileSystem = nodeFileSystem, executor = inlineExecutor(fileSystem), ...rest } = options;
  const { overwrite = false, resume = false, version = 'test', notes = [], ...request } = rest;
  const model = openModel(join(root, 'in'), fileSystem);
  try {
    const conversion = prepareConversion(fileSystem, model, { ...tinyRequest, ...request });
    await convert(conversion, {
      fileSystem,
      output: join(root, 'out'),
      executor,
      owner: { pid: 1, host: 'here', isAlive: () => false },
      version,
      signal: new AbortController().signal,
      overwrite,
      resume,
      onNote: (text) => notes.push(text),
      onProgress: () => undefined,
    });
  } finally {
    await executor.close().catch(() => undefined);
    model.close();
  }
}

/** A folder of the running test with a checkpoint in `in`. */
export function setUpTiny(): string {
  const root = temporaryFolder();
  mkdirSync(join(root, 'in'));
  writeTinyCheckpoint(join(root, 'in'));
  return root;
}
