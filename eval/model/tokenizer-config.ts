import { join } from 'node:path';
import { ConfigFields } from '../../quant/checkpoint/config-fields.ts';
import { isJsonObject, parseJson, type JsonLimits } from '../../quant/checkpoint/strict-json.ts';
import { NotFoundError } from '../../quant/errors.ts';
import { nodeFileSystem, type FileSystem } from '../../quant/file-system.ts';
import { readWholeFile } from '../../quant/read-file.ts';
import { unsupported } from './tokenizer-definition.ts';

export const TOKENIZER_CONFIG = 'tokenizer_config.json';

/** The largest in use describes 6,000 added tokens in 1.2 MB (Gemma 3). */
const LIMITS: JsonLimits = {
  maxBytes: 16 * 1024 * 1024,
  maxDepth: 16,
  maxKeyBytes: 4096,
  maxValues: 1_000_000,
  numbers: 'any',
};

/**
 * The members of tokenizer_config.json, or of a file of its kind.
 *
 * @returns nothing if the file is not there
 * @throws InputError `E_TOKENIZER_UNSUPPORTED`, `E_FILE_TOO_LARGE`, `E_JSON_*`
 */
export function readTokenizerConfig(
  folder: string,
  file: string = TOKENIZER_CONFIG,
  fileSystem: FileSystem = nodeFileSystem,
): ConfigFields | undefined {
  const bytes = readIfThere(join(folder, file), LIMITS.maxBytes, fileSystem);
  if (!bytes) return undefined;
  const document = parseJson(bytes, file, LIMITS);
  if (!isJsonObject(document)) throw unsupported(file, 'expected a JSON object');
  return new ConfigFields(file, document);
}

/** A special token such as `bos_token`, written as a string or as an object with the string as `content`. */
export function specialToken(config: ConfigFields | undefined, name: string): string | undefined {
  const token = config?.object.get(name);
  const content = isJsonObject(token) ? token.get('content') : token;
  return typeof content === 'string' ? content : undefined;
}

/** The bytes of a file, or nothing if it is not there. */
export function readIfThere(path: string, maxBytes: number, fileSystem: FileSystem): Uint8Array | undefined {
  try {
    return readWholeFile(path, maxBytes, fileSystem);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
