import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packagePath } from '../../commands/package-path.ts';
import { fuzzFolder } from '../corpus.ts';
import { Random } from '../random.ts';
import { readGguf, writeGguf } from './gguf-tree.ts';
import { jsonMutator } from './json-mutator.ts';
import { parseTree, print } from './json-tree.ts';
import { parquetMutator } from './parquet-mutator.ts';
import { safetensorsMutator } from './safetensors-mutator.ts';
import { readStruct, writeValue } from './thrift.ts';

const seed = (path: string): Uint8Array => readFileSync(join(fuzzFolder, 'corpus', path));

/** What so many cases of a mutator look like, as text. */
function cases(mutation: (seed: number, random: Random) => Uint8Array, count: number): string[] {
  return Array.from({ length: count }, (_, i) => Buffer.from(mutation(0, new Random('test', 1, i))).toString('latin1'));
}

describe('trees', () => {
  it('of JSON are printed as they were read', () => {
    const text = '{"a":[1,-2.5,true,null,"\\n\\ud800"],"":{"b":{}}}';
    expect(print(parseTree(text))).toBe(text);
  });

  it.each(['snappy', 'plain-v2', 'delta', 'null', 'empty'])('of Thrift are written as they were read: %s', (name) => {
    const bytes = readFileSync(packagePath(`fixtures/parquet/${name}.parquet`));
    const length = bytes.readUInt32LE(bytes.length - 8);
    const footer = bytes.subarray(bytes.length - 8 - length, bytes.length - 8);
    const { value, end } = readStruct(footer, 0);
    expect(end).toBe(footer.length);
    expect(Buffer.from(writeValue(value)).equals(footer)).toBe(true);
  });
});

describe('GGUF', () => {
  it.each(['llama', 'gemma2', 'mistral'])('is written as it was read: %s', (name) => {
    const bytes = readFileSync(packagePath(`fixtures/gguf/${name}.gguf`));
    expect(Buffer.from(writeGguf(readGguf(Uint8Array.from(bytes)))).equals(bytes)).toBe(true);
  });
});

describe('mutators', () => {
  it('reach the odd corners of JSON', () => {
    const texts = cases(jsonMutator()([seed('json/values.json')]), 5000);
    for (const odd of ['__proto__', '\\ud800', '1e400', '9007199254740993', '[[[[[[[[', '\0', '\xef\xbb\xbf', '-0']) {
      expect(texts.some((text) => text.includes(odd))).toBe(true);
    }
    const repeats = texts.filter((text) => /"c":[^{}]*"c":/.test(text));
    expect(repeats.length).toBeGreaterThan(0);
    expect(new Set(texts).size).toBeGreaterThan(3000);
  });

  it('lie about lengths, and tell the truth', () => {
    const files = cases(safetensorsMutator([seed('safetensors/floats.safetensors')]), 2000);
    const honest = files.filter((file) => {
      const length = Buffer.from(file, 'latin1').readBigUInt64LE(0);
      return length <= file.length - 8 && file[8 + Number(length) - 1] === '}';
    });
    expect(honest.length).toBeGreaterThan(500);
    expect(honest.length).toBeLessThan(1950);
  });

  it('keep most Parquet files recognizable', () => {
    const files = cases(parquetMutator([seed('parquet/snappy.parquet')]), 500);
    expect(files.filter((file) => file.startsWith('PAR1') && file.endsWith('PAR1')).length).toBeGreaterThan(400);
  });
});
