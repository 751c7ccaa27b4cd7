import type { ConfigFields } from '../../quant/checkpoint/config-fields.ts';
import type { ModelDocuments } from '../../quant/checkpoint/stored-model.ts';
import { isJsonArray, isJsonObject } from '../../quant/checkpoint/strict-json.ts';
import { InputError } from '../../quant/errors.ts';
import { readTokenizerConfig, specialToken } from '../model/tokenizer-config.ts';

/** How a model wants a conversation to be written: a Jinja template of the checkpoint, not to be trusted. */
export interface ChatTemplate {
  /** The file that it comes from. */
  file: string;
  source: string;
  /** `bos_token`, `eos_token` and the like, which templates write by name. */
  specialTokens: Readonly<Record<string, string>>;
}

/** The longest in use have some 20 KB. */
export const MAX_TEMPLATE_BYTES: number = 1024 * 1024;

const JINJA = 'chat_template.jinja';
const JSON_TEMPLATE = 'chat_template.json';

/** What transformers hands to a template by these names, where the tokenizer has it. */
const specialTokenNames = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

/**
 * Finds the chat template of a model as transformers does: a file of its own wins over tokenizer_config.json, and
 * of several named ones it is `default`.
 *
 * @returns nothing if the model has none
 * @throws InputError `E_CHAT_TEMPLATE`, `E_FILE_TOO_LARGE`, `E_CONFIG_*`, `E_JSON_*`
 */
export function readChatTemplate(documents: ModelDocuments): ChatTemplate | undefined {
  const tokenizer = readTokenizerConfig(documents);
  const found =
    readJinja(documents) ?? namedTemplate(tokenizer) ?? namedTemplate(readTokenizerConfig(documents, JSON_TEMPLATE));
  if (!found) return undefined;
  if (Buffer.byteLength(found.source) > MAX_TEMPLATE_BYTES) {
    throw refusal(found.file, `the chat template is longer than ${MAX_TEMPLATE_BYTES} bytes`);
  }
  return { ...found, specialTokens: readSpecialTokens(tokenizer) };
}

type Source = Pick<ChatTemplate, 'file' | 'source'>;

function readJinja(documents: ModelDocuments): Source | undefined {
  const bytes = documents.read(JINJA, MAX_TEMPLATE_BYTES);
  if (!bytes) return undefined;
  try {
    return { file: JINJA, source: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch (cause) {
    throw refusal(JINJA, 'not valid UTF-8', cause);
  }
}

/** A template, or the one named `default` of a list of `{ name, template }`. */
function namedTemplate(fields: ConfigFields | undefined): Source | undefined {
  const value = fields?.object.get('chat_template') ?? undefined;
  if (!fields || value === undefined) return undefined;
  const { file } = fields;
  if (typeof value === 'string') return { file, source: value };
  if (!isJsonArray(value)) throw refusal(file, 'chat_template is neither a string nor a list');
  const entry = value.find((each) => isJsonObject(each) && each.get('name') === 'default');
  const source = isJsonObject(entry) ? entry.get('template') : undefined;
  if (typeof source !== 'string') throw refusal(file, 'chat_template lists no template that is named "default"');
  return { file, source };
}

function readSpecialTokens(config: ConfigFields | undefined): Record<string, string> {
  const entries = specialTokenNames.flatMap((name) => {
    const token = specialToken(config, name);
    return token === undefined ? [] : [[name, token] as const];
  });
  return Object.fromEntries(entries);
}

function refusal(file: string, what: string, cause?: unknown): InputError {
  return new InputError(`${file}: ${what}`, { code: 'E_CHAT_TEMPLATE', details: { file }, cause });
}
