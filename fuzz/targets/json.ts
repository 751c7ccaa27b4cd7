import { isDeepStrictEqual } from 'node:util';
import { parseJson, type JsonLimits, type JsonValue } from '../../quant/checkpoint/strict-json.ts';
import { jsonMutator } from '../mutate/json-mutator.ts';
import { check, type Target } from '../target.ts';
import { fileOf } from './file-of.ts';

const FILE = 'document.json';

const LIMITS: JsonLimits = { maxBytes: 2 ** 20, maxDepth: 64, maxKeyBytes: 4096, maxValues: 10_000, numbers: 'any' };

/** The strict parser: what it takes is what `JSON.parse` takes, to the same value. */
export const json: Target = {
  name: 'json',
  files: { [FILE]: jsonMutator() },
  run: (input) => {
    const bytes = fileOf(input, FILE);
    const value = parseJson(bytes, FILE, LIMITS);
    const expected: unknown = JSON.parse(Buffer.from(bytes).toString());
    check(isDeepStrictEqual(plain(value), plain(revive(expected))), 'JSON.parse reads another value');
  },
};

/** Maps and arrays, as `parseJson` gives them, from what `JSON.parse` gives. */
function revive(value: unknown): JsonValue {
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== 'object' || value === null) return value as JsonValue;
  return new Map(Object.entries(value).map(([key, each]) => [key, revive(each)]));
}

/** Members in the order of their names: an object sorts keys that look like indices. */
function plain(value: JsonValue): unknown {
  if (value instanceof Map) {
    return [...(value as ReadonlyMap<string, JsonValue>)]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, plain(each)]);
  }
  return Array.isArray(value) ? { items: value.map(plain) } : value;
}
