import { join } from 'node:path';
import { isJsonObject, parseJson, type JsonLimits } from '../../quant/checkpoint/strict-json.ts';
import { NotFoundError } from '../../quant/errors.ts';
import { nodeFileSystem, type FileSystem } from '../../quant/file-system.ts';
import { readWholeFile } from '../../quant/read-file.ts';
import { unsupported } from './tokenizer-definition.ts';

const FILE = 'tokenizer_config.json';

/** The largest in use describes 6,000 added tokens in 1.2 MB (Gemma 3). */
const LIMITS: JsonLimits = {
  maxBytes: 16 * 1024 * 1024,
  maxDepth: 16,
  maxKeyBytes: 4096,
  maxValues: 1_000_000,
  numbers: 'any',
};

/**
 * A special token of tokenizer_config.json, written as a string or as an object with the string as `content`.
 *
 * @returns none if the file or the token is not there
 * @throws InputError `E_TOKENIZER_UNSUPPORTED`, `E_FILE_TOO_LARGE`, `E_JSON_*`
 */
export function readSpecialToken(
  folder: string,
  name: 'bos_token' | 'eos_token',
  fileSystem: FileSystem = nodeFileSystem,
): string | undefined {
  let bytes: Uint8Array;
  try {
    bytes = readWholeFile(join(folder, FILE), LIMITS.maxBytes, fileSystem);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
  const config = parseJson(bytes, FILE, LIMITS);
  if (!isJsonObject(config)) throw unsupported(FILE, 'expected a JSON object');
  const token = config.get(name);
  const content = isJsonObject(token) ? token.get('content') : token;
  return typeof content === 'string' ? content : undefined;
}
