import { join } from 'node:path';
import { modelCalibrator } from '../eval/calibration/model-calibrator.ts';
import type { LinearAlgebra } from '../kernels/linear-algebra.ts';
import { openReferenceBackend } from '../kernels/reference/backend.ts';
import { referenceLinearAlgebra } from '../kernels/reference/linear-algebra.ts';
import { convertCalibrated } from '../quant/calibrated-convert.ts';
import { openModel } from '../quant/checkpoint/open-model.ts';
import { inlineExecutor } from '../quant/conversion/executors.ts';
import { prepareConversion, type ConversionRequest } from '../quant/conversion/prepare.ts';
import { nodeFileSystem, type FileSystem } from '../quant/file-system.ts';
import type { Treatment } from '../quant/methods/treatment.ts';

/** Calibration text of models with 40 tokens. */
export const windows: readonly Int32Array[] = [1, 2, 3].map((seed) =>
  Int32Array.from({ length: 12 }, (_, i) => (i * i * seed + 5 * seed) % 40),
);

export interface CalibratedConversion extends Partial<ConversionRequest> {
  treatment: Treatment;
  /** For all that is read and written. */
  fileSystem?: FileSystem;
  algebra?: LinearAlgebra;
  resume?: boolean;
  overwrite?: boolean;
  warnings?: string[];
}

/** Converts `root/in` to `root/out` on the reference backend, and keeps a record of every layer. */
export async function convertWithCalibration(root: string, options: CalibratedConversion): Promise<void> {
  const { fileSystem = nodeFileSystem, algebra = referenceLinearAlgebra, ...rest } = options;
  const { resume = false, overwrite = false, warnings = [], ...request } = rest;
  const model = openModel(join(root, 'in'), fileSystem);
  const backend = openReferenceBackend();
  const executor = inlineExecutor(fileSystem);
  const { signal } = new AbortController();
  const facts = { data: 'test', tokensSha256: 'none', samples: 3, seqLen: 12 };
  try {
    const conversion = prepareConversion(fileSystem, model, {
      mode: 'w4a8',
      groupSize: 32,
      clip: { kind: 'mse' },
      ignore: ['lm_head'],
      onIndivisible: 'error',
      maxShardBytes: 100_000,
      calibration: { ...facts, backend: 'reference' },
      ...request,
    });
    await convertCalibrated(conversion, {
      fileSystem,
      output: join(root, 'out'),
      executor,
      algebra,
      calibrator: modelCalibrator({
        backend,
        algebra,
        fileSystem,
        windows,
        facts,
        intervalMs: 0,
        signal,
        onProgress: () => undefined,
      }),
      owner: { pid: 1, host: 'here', isAlive: () => false },
      version: 'test',
      signal,
      overwrite,
      resume,
      onNote: () => undefined,
      onWarning: (text) => warnings.push(text),
      onPhase: () => undefined,
      onProgress: () => undefined,
    });
  } finally {
    await executor.close().catch(() => undefined);
    backend.close();
    model.close();
  }
}
