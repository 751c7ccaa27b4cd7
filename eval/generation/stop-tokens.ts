import { join } from 'node:path';
import { ConfigFields } from '../../quant/checkpoint/config-fields.ts';
import { CONFIG_LIMITS, readTokenIds, type ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { isJsonObject, parseJson } from '../../quant/checkpoint/strict-json.ts';
import { InputError, NotFoundError } from '../../quant/errors.ts';
import { nodeFileSystem, type FileSystem } from '../../quant/file-system.ts';
import { readWholeFile } from '../../quant/read-file.ts';

const FILE = 'generation_config.json';

/**
 * The tokens that end a text by generation_config.json, if the model has one, and by config.json.
 *
 * @throws InputError `E_CONFIG_*`, `E_JSON_*`
 */
export function readStopTokens(
  folder: string,
  config: Pick<ModelConfig, 'eosTokenIds'>,
  fileSystem: FileSystem = nodeFileSystem,
): Set<number> {
  return new Set([...readGenerationConfig(folder, fileSystem), ...config.eosTokenIds]);
}

function readGenerationConfig(folder: string, fileSystem: FileSystem): readonly number[] {
  let bytes: Uint8Array;
  try {
    bytes = readWholeFile(join(folder, FILE), CONFIG_LIMITS.maxBytes, fileSystem);
  } catch (error) {
    if (error instanceof NotFoundError) return [];
    throw error;
  }
  const document = parseJson(bytes, FILE, CONFIG_LIMITS);
  if (!isJsonObject(document)) {
    throw new InputError(`${FILE}: expected a JSON object`, {
      code: 'E_CONFIG_NOT_AN_OBJECT',
      details: { file: FILE },
    });
  }
  return readTokenIds(new ConfigFields(FILE, document), 'eos_token_id');
}
