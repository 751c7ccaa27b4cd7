import { parseState } from '../../eval/calibration/calibration-state.ts';
import { readState, STATE_NAME } from '../../quant/conversion/state.ts';
import { acquireLock } from '../../quant/output/lock.ts';
import { MANIFEST_NAME, readManifest } from '../../quant/output/manifest.ts';
import { CiderError } from '../../quant/errors.ts';
import { FOLDER, memoryFiles } from '../../testing/memory-file-system.ts';
import { jsonMutator } from '../mutate/json-mutator.ts';
import { check, type Target } from '../target.ts';
import { fileOf } from './file-of.ts';

const LOCK = 'lock.json';
const CALIBRATION = 'calibration.json';

const fingerprint = { input: 'model.safetensors 12 1700000000000', mode: 'w8a8' };
const owner = { pid: 7, host: 'here', isAlive: (pid: number) => pid % 2 === 1 };

/** The small files of an output folder, which a crash or somebody else may have left. */
export const outputState: Target = {
  name: 'output-state',
  files: {
    [STATE_NAME]: jsonMutator(),
    [MANIFEST_NAME]: jsonMutator(),
    [LOCK]: jsonMutator(),
    [CALIBRATION]: jsonMutator(),
  },
  run: (input) => {
    const files = memoryFiles(input);
    const readers = [
      () => readState(files, FOLDER, fingerprint),
      () => readManifest(files, FOLDER),
      () => acquireLock(files, `${FOLDER}/${LOCK}`, owner),
      () => parseState(fileOf(input, CALIBRATION)),
    ];
    const refusals = readers.flatMap((read) => refusalOf(read));
    check(input.size === readers.length, 'a file is not read');
    if (refusals.length > 0) throw refusals[0];
  },
};

/** All of them are read, though the first may be refused. */
function refusalOf(read: () => unknown): CiderError[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof CiderError) return [error];
    throw error;
  }
}
