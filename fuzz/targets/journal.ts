import { readJournal } from '../../eval/evaluation-journal-file.ts';
import { FOLDER, memoryFiles } from '../../testing/memory-file-system.ts';
import { linesMutator } from '../mutate/lines-mutator.ts';
import { check, type Target } from '../target.ts';
import { fileOf } from './file-of.ts';

const FILE = 'journal.jsonl';

/** What an evaluation that was cut short left to be resumed. */
export const journal: Target = {
  name: 'journal',
  files: { [FILE]: linesMutator },
  run: (input) => {
    const read = readJournal(memoryFiles(input), `${FOLDER}/${FILE}`);
    if (!read) return;
    check(read.length <= fileOf(input, FILE).byteLength, 'its length is beyond the end');
    check(typeof read.fingerprint.model === 'string', 'it names no model');
    for (const { config, window, losses } of read.results) {
      check(typeof config === 'string' && Number.isInteger(window), 'a result is of no window');
      check(losses instanceof Float32Array, 'a result has no losses');
    }
  },
};
