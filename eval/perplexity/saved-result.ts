import { basename } from 'node:path';
import { ConfigFields, type Range } from '../../quant/checkpoint/config-fields.ts';
import { quoted } from '../../quant/checkpoint/quoted.ts';
import { isJsonObject, parseJson, type JsonLimits } from '../../quant/checkpoint/strict-json.ts';
import { InputError } from '../../quant/errors.ts';
import { nodeFileSystem, type FileSystem } from '../../quant/file-system.ts';
import { readWholeFile } from '../../quant/read-file.ts';
import { concatenate } from './concatenate.ts';
import { toBase64 } from './float-base64.ts';
import { protocolNames, type Protocol } from './protocol.ts';
import { groupByConfiguration, type WindowResult } from './window-result.ts';

/** What a run leaves for another one to be compared with. */
export interface SavedResult {
  /** Model and text as the user knows them. */
  model: string;
  data: string;
  protocol: Protocol;
  /** SHA-256 of tokenizer.json. */
  tokenizerSha256: string;
  /** The first one is what others are compared with. */
  rows: readonly SavedRow[];
}

export interface SavedRow {
  config: string;
  /** Negative log-likelihood in nats of each scored token, windows one after the other. */
  losses: Float32Array;
}

const SCHEMA = 'cider.perplexity/1';

/** First bytes of every saved result, by which a file is known to be one of ours. */
export const SAVED_MARK = '{"schema":"cider.perplexity/1",';

/** All configurations over WikiText-2 take 20 MB. */
const LIMITS: JsonLimits = {
  maxBytes: 256 * 1024 * 1024,
  maxDepth: 4,
  maxKeyBytes: 4096,
  maxValues: 10_000,
  numbers: 'integers',
};

const COUNT: Range = { min: 0, max: 2 ** 40 };

/** The rows of a run as they are saved. */
export function savedRows(results: readonly WindowResult[]): SavedRow[] {
  return [...groupByConfiguration(results)].map(([config, own]) => ({
    config,
    losses: concatenate(own.map(({ losses }) => losses)),
  }));
}

/** One JSON document; losses stand as base64 of little-endian f32, bit for bit. */
export function encodeSavedResult({ rows, ...subject }: SavedResult): string {
  const losses = Object.fromEntries(rows.map((row) => [row.config, toBase64(row.losses)]));
  return `${JSON.stringify({ schema: SCHEMA, ...subject, losses })}\n`;
}

/**
 * Reads what another run saved; the file may come from anywhere.
 *
 * @throws NotFoundError; InputError `E_FILE_TOO_LARGE`, `E_JSON_*`, `E_CONFIG_FIELD*`
 */
export function readSavedResult(path: string, fileSystem: FileSystem = nodeFileSystem): SavedResult {
  const file = basename(path);
  const document = parseJson(readWholeFile(path, LIMITS.maxBytes, fileSystem), file, LIMITS);
  if (!isJsonObject(document)) throw new InputError(`${file}: expected an object`, { code: 'E_CONFIG_FIELD' });
  const fields = new ConfigFields(file, document);
  if (fields.string('schema') !== SCHEMA) throw fields.refusal('schema', `expected "${SCHEMA}" of eval-ppl --save`);
  const protocol = readProtocol(members(fields, 'protocol'));
  const losses = members(fields, 'losses');
  const rows = losses.names.map((config) => ({ config, losses: readLosses(losses, config, protocol.scored) }));
  if (rows.length === 0) throw fields.refusal('losses', 'expected at least one configuration');
  const [model, data] = [text(fields, 'model'), text(fields, 'data')];
  return { model, data, protocol, tokenizerSha256: text(fields, 'tokenizerSha256'), rows };
}

function readProtocol(fields: ConfigFields): Protocol {
  const count = (name: string): number => fields.requiredInteger(name, COUNT);
  const facts = {
    ctx: count('ctx'),
    windows: count('windows'),
    tokens: count('tokens'),
    scored: count('scored'),
    bos: fields.boolean('bos') ?? fields.failMissing('bos', 'true or false'),
    textSha256: text(fields, 'textSha256'),
  };
  const name = text(fields, 'name');
  switch (name) {
    case 'gptq':
    case 'llama.cpp':
      return { name, ...facts };
    case 'stride':
      return { name, stride: count('stride'), ...facts };
    case 'word':
      return { name, pages: count('pages'), words: count('words'), bytes: count('bytes'), ...facts };
    default:
      throw fields.refusal('name', `known: ${protocolNames.join(', ')}`);
  }
}

/** A run that was interrupted has fewer losses than tokens that are to be scored. */
function readLosses(fields: ConfigFields, config: string, scored: number): Float32Array {
  const encoded = text(fields, config);
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.toString('base64') !== encoded || bytes.length % 4 !== 0 || bytes.length / 4 > scored) {
    throw new InputError(`${fields.file}: the losses of ${quoted(config)} are no base64 of ${scored} or fewer f32`, {
      code: 'E_CONFIG_FIELD',
      hint: 'the file may be damaged: save it again',
      details: { file: fields.file, config, limit: scored },
    });
  }
  return new Float32Array(new Uint8Array(bytes).buffer);
}

const members = (fields: ConfigFields, name: string): ConfigFields =>
  fields.fields(name) ?? fields.failMissing(name, 'an object');

const text = (fields: ConfigFields, name: string): string =>
  fields.string(name) ?? fields.failMissing(name, 'a string');
