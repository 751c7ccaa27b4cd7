import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FOLDER, memoryFiles } from '../../../testing/memory-file-system.ts';
import { buildGguf } from '../../../testing/tiny-gguf.ts';
import { InputError } from '../../errors.ts';
import { weightDtypes } from '../weight-dtype.ts';
import { blockFormatOf, blockFormats } from './block-formats.ts';
import { GgufFile } from './gguf-file.ts';
import { multiplyOut, readCodes, readFloats } from './read-tensor.ts';
import { tensorTypeOf } from './tensor-types.ts';

/** What fixtures/gguf/make_gguf.py writes: random blocks, and the f32 that Python's gguf reads from them, in base64. */
interface Golden {
  type: string;
  blocks: string;
  values: string;
}

const goldens = JSON.parse(
  readFileSync(new URL('../../../../fixtures/gguf/blocks.json', import.meta.url), 'utf8'),
) as Golden[];

const typeIds = new Map(Array.from({ length: 64 }, (_, id) => [tensorTypeOf(id)?.name, id]));

/** A file with one tensor. */
function fileOf(typeName: string, rows: number, data: Uint8Array): GgufFile {
  const id = typeIds.get(typeName) ?? 99;
  const { blockBytes, blockElements } = tensorTypeOf(id) ?? { blockBytes: 1, blockElements: 1 };
  const shape = [rows, (data.byteLength / blockBytes / rows) * blockElements];
  const bytes = buildGguf({ keys: [], tensors: [{ name: 'w', shape, type: id, data }] });
  return new GgufFile(`${FOLDER}/x.gguf`, memoryFiles(new Map([['x.gguf', bytes]])));
}

const bits = (values: Float32Array): number[] => [...new Uint32Array(values.buffer, values.byteOffset, values.length)];

describe('readFloats', () => {
  it('has a golden for every type that is read', () => {
    expect(goldens.map(({ type }) => type).sort()).toEqual(
      [...weightDtypes, ...blockFormats.map(({ name }) => name)].sort(),
    );
  });

  it.each(goldens)('gives the bits of Python’s gguf for $type', ({ type, blocks, values }) => {
    const expected = new Float32Array(new Uint8Array(Buffer.from(values, 'base64')).buffer);
    for (const rows of [1, type.endsWith('_K') ? 1 : 2]) {
      const file = fileOf(type, rows, Buffer.from(blocks, 'base64'));
      expect(bits(readFloats(file, file.header.tensors[0]))).toEqual(bits(expected));
    }
  });

  it.each(blockFormats)('gives the same bits by codes and scales of $name', ({ name, groupSize, kind }) => {
    const golden = goldens.find(({ type }) => type === name);
    const file = fileOf(name, 1, Buffer.from(golden?.blocks ?? '', 'base64'));
    const [tensor] = file.header.tensors;
    const read = readCodes(file, tensor);
    expect(read.kind).toBe(kind);
    const values = new Float32Array(read.codes.length);
    const biases = read.kind === 'affine' ? read.biases : new Float32Array(0);
    multiplyOut({ codes: read.codes, scales: read.scales, biases }, groupSize, values);
    expect(bits(values)).toEqual(bits(readFloats(file, tensor)));
  });

  it.each(blockFormats)('moves whole rows of $name', ({ name }) => {
    const golden = Buffer.from(goldens.find(({ type }) => type === name)?.blocks ?? '', 'base64');
    const doubled = Buffer.concat([golden, golden.map((byte, i) => (i % 2 === 0 ? byte : byte ^ 1))]);
    const file = fileOf(name, 2, doubled);
    const [tensor] = file.header.tensors;
    const [plain, turned] = [readFloats(file, tensor), readFloats(file, tensor, (row) => 1 - row)];
    const half = plain.length / 2;
    expect(bits(turned)).toEqual([...bits(plain.subarray(half)), ...bits(plain.subarray(0, half))]);
    const codes = readCodes(file, tensor, (row) => 1 - row).codes;
    expect([...codes.subarray(half)]).toEqual([...readCodes(file, tensor).codes.subarray(0, half)]);
  });

  it('refuses a scale that is no number, naming tensor and row', () => {
    const blocks = new Uint8Array(2 * 34);
    blocks[34 + 1] = 0x7c;
    const file = fileOf('Q8_0', 2, blocks);
    const read = (): unknown => readFloats(file, file.header.tensors[0]);
    expect(read).toThrow(InputError);
    expect(read).toThrow('x.gguf: tensor "w" has the scale Infinity in row 1');
    expect(() => readCodes(file, file.header.tensors[0])).toThrow(expect.objectContaining({ code: 'E_GGUF_SCALE' }));
  });

  it('refuses a type that it cannot read by name', () => {
    const file = fileOf('Q2_K', 1, new Uint8Array(84));
    expect(() => readFloats(file, file.header.tensors[0])).toThrow('tensor "w" is Q2_K, which is not read');
  });
});

describe('unpack', () => {
  const type = (name: string) => tensorTypeOf(typeIds.get(name) ?? -1) ?? { blockBytes: 0, blockElements: 0 };

  it.each(blockFormats)('reads each byte of $name and none behind it', ({ name, bits: codeBits, groupSize, kind }) => {
    const { blockBytes, blockElements } = type(name);
    const unpack = blockFormatOf(name)?.unpack;
    const unpacked = (memory: Uint8Array, blocks: number) => {
      const elements = blocks * blockElements;
      const parts = {
        codes: kind === 'symmetric' ? new Int8Array(elements) : new Uint8Array(elements),
        scales: new Float32Array(elements / groupSize),
        biases: new Float32Array(kind === 'symmetric' ? 0 : elements / groupSize),
      };
      unpack?.(memory.subarray(8, 8 + blocks * blockBytes), parts);
      return parts;
    };
    const block = fc.uint8Array({ minLength: blockBytes, maxLength: blockBytes });
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 3 }), fc.nat(255), fc.nat(), (blocks, fill, at) => {
        const memory = new Uint8Array(16 + blocks.length * blockBytes);
        memory.set(Buffer.concat(blocks), 8);
        const parts = unpacked(memory, blocks.length);
        const surrounded = memory.map((byte, i) => (i < 8 || i >= memory.length - 8 ? fill : byte));
        expect(unpacked(surrounded, blocks.length)).toEqual(parts);
        const low = kind === 'symmetric' ? -(2 ** (codeBits - 1)) : 0;
        expect(parts.codes.every((code: number) => code >= low && code < low + 2 ** codeBits)).toBe(true);
        // Whatever byte changes, something else comes out; a NaN may become another NaN.
        const place = 8 + (at % (blocks.length * blockBytes));
        const changed = memory.slice();
        changed[place] ^= 1;
        const other = unpacked(changed, blocks.length);
        const isSame = JSON.stringify([...other.codes]) === JSON.stringify([...parts.codes]);
        const scales = [...parts.scales, ...parts.biases];
        const hasZero = scales.some((scale) => scale === 0 || !Number.isFinite(scale));
        if (isSame && !hasZero) expect([...other.scales, ...other.biases]).not.toEqual(scales);
      }),
      { numRuns: 200 },
    );
  });
});
