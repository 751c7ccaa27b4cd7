import { ConfigFields } from '../../quant/checkpoint/config-fields.ts';
import type { ModelDocuments } from '../../quant/checkpoint/stored-model.ts';
import { isJsonObject, parseJson, type JsonLimits } from '../../quant/checkpoint/strict-json.ts';
import { unsupported } from './tokenizer-definition.ts';

const TOKENIZER_CONFIG = 'tokenizer_config.json';

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
  documents: ModelDocuments,
  file: string = TOKENIZER_CONFIG,
): ConfigFields | undefined {
  const bytes = documents.read(file, LIMITS.maxBytes);
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
