import { readJsonLines } from '../../eval/datasets/json-lines.ts';
import { linesMutator } from '../mutate/lines-mutator.ts';
import { check, type Target } from '../target.ts';
import { fileOf } from './file-of.ts';

const FILE = 'data.jsonl';

/** Datasets of a document a line. */
export const jsonLines: Target = {
  name: 'json-lines',
  files: { [FILE]: linesMutator },
  run: (input) => {
    const text = readJsonLines(fileOf(input, FILE), FILE);
    check(Buffer.from(text).toString() === text, 'the text holds half of a surrogate pair');
  },
};
