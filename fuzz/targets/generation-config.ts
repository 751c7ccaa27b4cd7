import { readStopTokens } from '../../eval/generation/stop-tokens.ts';
import { folderDocuments } from '../../quant/checkpoint/folder-documents.ts';
import { FOLDER, memoryFiles } from '../../testing/memory-file-system.ts';
import { jsonMutator } from '../mutate/json-mutator.ts';
import { check, type Target } from '../target.ts';

/** generation_config.json: the tokens that end a text. */
export const generationConfig: Target = {
  name: 'generation-config',
  files: { 'generation_config.json': jsonMutator() },
  run: (input) => {
    const tokens = readStopTokens(folderDocuments(FOLDER, memoryFiles(input)), { eosTokenIds: [2] });
    check([...tokens].every(Number.isInteger), 'a token is no integer');
  },
};
