import { readSavedResult } from '../../eval/perplexity/saved-result.ts';
import { FOLDER, memoryFiles } from '../../testing/memory-file-system.ts';
import { jsonMutator } from '../mutate/json-mutator.ts';
import { check, type Target } from '../target.ts';

const FILE = 'result.json';

/** What `eval-ppl --save` wrote, or somebody else. */
export const savedResult: Target = {
  name: 'saved-result',
  files: { [FILE]: jsonMutator() },
  run: (input) => {
    const { rows, protocol } = readSavedResult(`${FOLDER}/${FILE}`, memoryFiles(input));
    check(
      rows.every(({ losses }) => losses.length <= protocol.scored),
      'a row has more losses than tokens',
    );
  },
};
