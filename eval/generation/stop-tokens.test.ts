import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderDocuments } from '../../quant/checkpoint/folder-documents.ts';
import { nodeFileSystem } from '../../quant/file-system.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { readStopTokens } from './stop-tokens.ts';

function stopTokens(generationConfig: string | undefined, eosTokenIds: readonly number[]): number[] {
  const folder = temporaryFolder();
  if (generationConfig !== undefined) writeFileSync(join(folder, 'generation_config.json'), generationConfig);
  return [...readStopTokens(folderDocuments(folder, nodeFileSystem), { eosTokenIds })].toSorted((a, b) => a - b);
}

describe('readStopTokens', () => {
  it.each([
    [undefined, [], []],
    [undefined, [7], [7]],
    ['{}', [7], [7]],
    ['{"eos_token_id": null}', [7], [7]],
    ['{"eos_token_id": 3}', [7], [3, 7]],
    ['{"eos_token_id": [3, 7, 5]}', [7, 9], [3, 5, 7, 9]],
  ])('%s and %j make %j', (generationConfig, eosTokenIds, expected) => {
    expect(stopTokens(generationConfig, eosTokenIds)).toEqual(expected);
  });

  it.each([
    ['[]', /generation_config.json: expected a JSON object/],
    ['{"eos_token_id": "</s>"}', /generation_config.json: eos_token_id is "<\/s>"; expected token ids/],
    ['{"eos_token_id": [1, -1]}', /generation_config.json: eos_token_id/],
    ['{', /generation_config.json/],
  ])('refuses %s', (generationConfig, message) => {
    expect(() => stopTokens(generationConfig, [])).toThrow(message);
  });
});
