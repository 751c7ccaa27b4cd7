import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CiderError, InputError } from '../errors.ts';
import { headerLength, parseHeader, type SafetensorsHeader } from './safetensors-header.ts';
import { layoutFile } from './safetensors-layout.ts';

const parse = (json: string, dataBytes: number): SafetensorsHeader =>
  parseHeader(Buffer.from(json), dataBytes, 'x.safetensors');

function refusal(action: () => unknown): InputError {
  try {
    action();
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error('the header was accepted');
}

const entry = (dtype: string, shape: readonly number[], begin: number, end: number): string =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });

describe('headerLength', () => {
  it('takes the smallest file there is', () => {
    expect(headerLength(Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0), 10, 'x')).toBe(2);
  });

  it('takes 100 MB and not a byte more', () => {
    const prefix = new Uint8Array(8);
    const view = new DataView(prefix.buffer);
    view.setBigUint64(0, 100_000_000n, true);
    expect(headerLength(prefix, 100_000_008, 'x')).toBe(100_000_000);
    expect(refusal(() => headerLength(prefix, 100_000_007, 'x')).code).toBe('E_HEADER_PAST_EOF');
    view.setBigUint64(0, 100_000_001n, true);
    expect(refusal(() => headerLength(prefix, 2 ** 40, 'x')).code).toBe('E_HEADER_TOO_LARGE');
  });

  it('reads a prefix that is a view', () => {
    expect(headerLength(new Uint8Array([9, 9, 2, 0, 0, 0, 0, 0, 0, 0]).subarray(2), 10, 'x')).toBe(2);
  });
});

describe('parseHeader', () => {
  it('takes a file of no tensors', () => {
    expect(parse('{}', 0)).toEqual({ metadata: new Map(), tensors: [] });
  });

  it('takes spaces as padding, and metadata', () => {
    expect(parse('{"__metadata__":{"format":"pt","a":""}}     ', 0).metadata).toEqual(
      new Map([
        ['format', 'pt'],
        ['a', ''],
      ]),
    );
  });

  it('takes rank 0, dimensions of 0, and offsets in any order of entries', () => {
    const json = `{"c":${entry('I64', [], 4, 12)},"empty":${entry('F32', [3, 0], 4, 4)},"a":${entry('U8', [2, 2], 0, 4)}}`;
    const { tensors } = parse(json, 12);
    expect(tensors.map(({ name }) => name)).toEqual(['a', 'empty', 'c']);
  });

  it('takes a dimension of 0 beside others only if those are of a size that can be', () => {
    expect(parse(`{"a":${entry('U8', [0, 2 ** 40], 0, 0)}}`, 0).tensors).toHaveLength(1);
    const overflow = `{"a":${entry('U8', [0, 2 ** 40, 2 ** 40], 0, 0)}}`;
    expect(refusal(() => parse(overflow, 0)).code).toBe('E_SIZE_OVERFLOW');
  });

  it('takes elements of 4 and 6 bits that fill whole bytes', () => {
    const json = `{"a":${entry('F4', [3, 2], 0, 3)},"b":${entry('F6_E3M2', [4], 3, 6)}}`;
    expect(parse(json, 6).tensors.map(({ dtype }) => dtype)).toEqual(['F4', 'F6_E3M2']);
  });

  it('has odd names as plain data', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '0', '', '../x', 'é\u001b[31m'];
    const json = `{${names.map((name, i) => `${JSON.stringify(name)}:${entry('U8', [1], i, i + 1)}`).join(',')}}`;
    expect(parse(json, names.length).tensors.map(({ name }) => name)).toEqual(names);
  });

  it('names file, tensor, value and limit', () => {
    const { message, details, hint } = refusal(() => parse(`{"a":${entry('F32', [2], 0, 8)}}`, 5));
    expect(message).toBe('x.safetensors: tensor "a" at data offsets 0 to 8 goes past the end of the file at 5');
    expect(details).toEqual({ file: 'x.safetensors', tensor: 'a', begin: 0, end: 8, dataBytes: 5 });
    expect(hint).toContain('download it again');
  });

  it('lists the dtypes when it does not know one', () => {
    expect(refusal(() => parse(`{"a":${entry('I4', [2], 0, 1)}}`, 1)).hint).toContain('F4, F6_E2M3');
  });

  it('refuses any truncation and any extension of the data', () => {
    const json = `{"a":${entry('U8', [7], 0, 7)},"b":${entry('F32', [3], 7, 19)}}`;
    for (let dataBytes = 0; dataBytes < 40; dataBytes++) {
      if (dataBytes === 19) expect(parse(json, dataBytes).tensors).toHaveLength(2);
      else
        expect(refusal(() => parse(json, dataBytes)).code).toBe(
          dataBytes < 19 ? 'E_OFFSET_PAST_EOF' : 'E_TRAILING_BYTES',
        );
    }
  });
});

describe('a damaged header', () => {
  const { header, fileBytes } = layoutFile(
    [
      { name: 'model.layers.0.weight', dtype: 'BF16', shape: [4, 8] },
      { name: 'model.norm.weight', dtype: 'F32', shape: [8] },
      { name: 'scalar', dtype: 'I64', shape: [] },
    ],
    new Map([['format', 'pt']]),
  );

  function parseFile(bytes: Uint8Array, size: number): SafetensorsHeader {
    const length = headerLength(bytes, size, 'x');
    return parseHeader(bytes.subarray(8, 8 + length), size - 8 - length, 'x');
  }

  it('gives a typed error or tensors that fill the file', () => {
    const position = fc.nat(header.length - 1);
    const mutation = fc.oneof(
      fc.record({ position, byte: fc.nat(255) }),
      fc.record({ position, byte: fc.constantFrom(...Buffer.from('{}[]",:\\-.e0123456789 ')) }),
    );
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), fc.nat(4), (mutations, cut) => {
        const bytes = header.slice();
        for (const { position, byte } of mutations) bytes[position] = byte;
        const size = fileBytes - cut;
        try {
          const { tensors } = parseFile(bytes, size);
          const data = tensors.reduce((sum, { begin, end }) => sum + end - begin, 0);
          expect(data + headerLength(bytes, size, 'x') + 8).toBe(size);
        } catch (error) {
          if (!(error instanceof CiderError)) throw error;
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('is whole before it is damaged', () => {
    expect(parseFile(header, fileBytes).tensors).toHaveLength(3);
  });
});
