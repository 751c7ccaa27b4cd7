import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CiderError, InputError } from '../errors.ts';
import { isJsonArray, isJsonObject, parseJson, type JsonLimits, type JsonValue } from './strict-json.ts';

const limits: JsonLimits = { maxBytes: 1_000_000, maxDepth: 16, maxKeyBytes: 100, maxValues: 10_000, numbers: 'any' };

const parse = (text: string | Uint8Array, changed: Partial<JsonLimits> = {}): JsonValue =>
  parseJson(Buffer.from(text), 'x.json', { ...limits, ...changed });

function refusal(text: string | Uint8Array, changed: Partial<JsonLimits> = {}): InputError {
  try {
    parse(text, changed);
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error('the document was accepted');
}

/** Maps as plain entries, to compare with what `JSON.parse` makes of the same text. */
function plain(value: JsonValue): unknown {
  if (isJsonObject(value)) return { entries: [...value].map(([key, member]) => [key, plain(member)]) };
  return isJsonArray(value) ? value.map(plain) : value;
}

function plainJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainJson);
  if (typeof value !== 'object' || value === null) return value;
  return { entries: Object.entries(value).map(([key, member]) => [key, plainJson(member)]) };
}

describe('parseJson', () => {
  it('agrees with JSON.parse on every document that both accept', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), fc.constantFrom(undefined, 2, '\t'), (text, indent) => {
        // JSON.stringify rounds the digits of large integers, which then are not exact.
        const document: unknown = JSON.parse(text, (_, value: unknown) =>
          Number.isInteger(value) && !Number.isSafeInteger(value) ? 0 : value,
        );
        const written = JSON.stringify(document, null, indent);
        expect(plain(parse(written, { maxKeyBytes: 10_000 }))).toEqual(plainJson(document));
      }),
      { numRuns: 1000 },
    );
  });

  it('throws nothing but its own errors on any bytes', () => {
    const jsonBytes = fc.stringMatching(/^[[\]{}:,"\\u0-9a-fnrtE+\-. \n]*$/).map((text) => Buffer.from(text));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), jsonBytes), (bytes) => {
        try {
          parse(bytes);
          JSON.parse(Buffer.from(bytes).toString());
        } catch (error) {
          expect(error).toBeInstanceOf(CiderError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('has odd keys as plain data', () => {
    const object = parse('{"__proto__":1,"constructor":{"prototype":2},"toString":3,"2":4,"1":5,"":6}');
    if (!isJsonObject(object)) throw new Error('no object');
    expect([...object.keys()]).toEqual(['__proto__', 'constructor', 'toString', '2', '1', '']);
    expect(object.get('__proto__')).toBe(1);
  });

  it('decodes strings', () => {
    expect(parse('"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83c\\udf4e é🍎"')).toBe('"\\/\b\f\n\r\té🍎 é🍎');
  });

  it('reads a view that does not start at the start of its buffer', () => {
    const bytes = Buffer.from('xx[1]yy');
    expect(parseJson(new Uint8Array(bytes.buffer, bytes.byteOffset + 2, 3), 'x.json', limits)).toEqual([1]);
  });

  it.each([
    ['', 'E_JSON_SYNTAX'],
    [' ', 'E_JSON_SYNTAX'],
    ['nul', 'E_JSON_SYNTAX'],
    ['nulll', 'E_JSON_SYNTAX'],
    ['NaN', 'E_JSON_SYNTAX'],
    ['Infinity', 'E_JSON_SYNTAX'],
    ['01', 'E_JSON_SYNTAX'],
    ['+1', 'E_JSON_SYNTAX'],
    ['.5', 'E_JSON_SYNTAX'],
    ['1.', 'E_JSON_SYNTAX'],
    ['1e', 'E_JSON_SYNTAX'],
    ['--1', 'E_JSON_SYNTAX'],
    ['0x10', 'E_JSON_SYNTAX'],
    ['[1,]', 'E_JSON_SYNTAX'],
    ['[1 2]', 'E_JSON_SYNTAX'],
    ['[', 'E_JSON_SYNTAX'],
    ['{"a":1,}', 'E_JSON_SYNTAX'],
    ['{a:1}', 'E_JSON_SYNTAX'],
    ['{"a"=1}', 'E_JSON_SYNTAX'],
    ['{"a":1', 'E_JSON_SYNTAX'],
    ['"a', 'E_JSON_SYNTAX'],
    ['"a\n"', 'E_JSON_SYNTAX'],
    ['"\\x41"', 'E_JSON_SYNTAX'],
    ['"\\u12g4"', 'E_JSON_SYNTAX'],
    ['"\\u12', 'E_JSON_SYNTAX'],
    ['1 1', 'E_JSON_SYNTAX'],
    ['{}\0', 'E_JSON_SYNTAX'],
    ['\u00a0{}', 'E_JSON_SYNTAX'],
    ['\ufeff{}', 'E_JSON_BOM'],
    ['"\\ud83c"', 'E_JSON_SURROGATE'],
    ['"\\udf4e\\ud83c"', 'E_JSON_SURROGATE'],
    ['"\\ud83c\\u0041"', 'E_JSON_SURROGATE'],
    ['{"a":1,"\\u0061":2}', 'E_JSON_DUPLICATE_KEY'],
    ['9007199254740993', 'E_JSON_NUMBER'],
    ['1e400', 'E_JSON_NUMBER'],
    ['-1e400', 'E_JSON_NUMBER'],
    ['1'.repeat(129), 'E_JSON_NUMBER'],
  ])('refuses %j with %s', (text, code) => {
    expect(refusal(text).code).toBe(code);
  });

  it('refuses invalid UTF-8 wherever it stands', () => {
    expect(refusal(Buffer.from('"\xff"', 'latin1')).code).toBe('E_JSON_ENCODING');
    expect(refusal(Buffer.from('{}\xc0\x80', 'latin1')).code).toBe('E_JSON_ENCODING');
  });

  it('takes an integer that is exact as a float, however large', () => {
    expect(parse('1000000000000000019884624838656')).toBe(1e30);
    expect(parse('-9007199254740994')).toBe(-9007199254740994);
  });

  it.each(['1.0', '1e3', '-0', '9007199254740992'])('refuses %s where integers are wanted', (text) => {
    expect(refusal(text, { numbers: 'integers' }).code).toBe('E_JSON_NUMBER');
  });

  it.each([0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])('takes %d where integers are wanted', (value) => {
    expect(parse(String(value), { numbers: 'integers' })).toBe(value);
  });

  it('keeps each limit to the letter', () => {
    expect(parse('[[1]]', { maxDepth: 2 })).toEqual([[1]]);
    expect(refusal('[[1]]', { maxDepth: 1 }).code).toBe('E_JSON_DEPTH');
    expect(parse('[{},[]]', { maxDepth: 2 })).toEqual([new Map(), []]);
    expect(parse('[1,2]', { maxValues: 3 })).toEqual([1, 2]);
    expect(refusal('[1,2]', { maxValues: 2 }).code).toBe('E_JSON_TOO_MANY_VALUES');
    expect(parse('{"abc":1}', { maxKeyBytes: 3 })).toEqual(new Map([['abc', 1]]));
    expect(refusal('{"abc":1}', { maxKeyBytes: 2 }).code).toBe('E_JSON_KEY_TOO_LONG');
    expect(parse('"abc"', { maxBytes: 5, maxKeyBytes: 1 })).toBe('abc');
    expect(refusal('"abc"', { maxBytes: 4 }).code).toBe('E_JSON_TOO_LARGE');
  });

  it('says where the fault is', () => {
    const { message, details } = refusal('{"rope":{"factor":1e999}}');
    expect(message).toBe('x.json: in "rope"."factor", byte 18: the number 1e999 is too large for a 64-bit float');
    expect(details).toMatchObject({ file: 'x.json', offset: 18, keys: ['rope', 'factor'] });
  });

  it('does not repeat megabytes of the document, or control characters, in a message', () => {
    const message = refusal(`{"${'\\u009b\\u001b'.repeat(10)}":{"a":1,"a":2}}`, { maxKeyBytes: 1000 }).message;
    expect(message).not.toMatch(/\p{Cc}/u);
    expect(refusal(`{"a":${'x'.repeat(500_000)}}`).message.length).toBeLessThan(200);
  });
});
