import { InputError } from '../../quant/errors.ts';
import { isJsonObject, parseJson, type JsonLimits } from '../../quant/checkpoint/strict-json.ts';
import { decodeText } from './text-encoding.ts';

/** A line is one document with a few members about it. */
const LINE_LIMITS: JsonLimits = {
  maxBytes: 64 * 1024 * 1024,
  maxDepth: 32,
  maxKeyBytes: 4096,
  maxValues: 1_000_000,
  numbers: 'any',
};

/** The members `text` of the lines, joined by blank lines. Lines without anything are skipped. */
export function readJsonLines(bytes: Uint8Array, file: string): string {
  const texts: string[] = [];
  for (const [index, line] of decodeText(bytes, file).split('\n').entries()) {
    if (line.trim() === '') continue;
    const where = `${file}, line ${index + 1}`;
    const document = parseJson(Buffer.from(line), where, LINE_LIMITS);
    const text = isJsonObject(document) ? document.get('text') : undefined;
    if (typeof text !== 'string') {
      throw new InputError(`${where}: expected an object with a string "text"`, {
        code: 'E_DATASET_LINE',
        details: { file, line: index + 1 },
      });
    }
    texts.push(text);
  }
  return texts.join('\n\n');
}
