import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { dtypeBits, dtypes } from './dtypes.ts';
import { parseHeader } from './safetensors-header.ts';
import { layoutFile, planShards, type TensorSpec } from './safetensors-layout.ts';

const tensor: fc.Arbitrary<TensorSpec> = fc.record({
  name: fc.oneof(fc.constantFrom('__proto__', 'constructor', '10', '9'), fc.string({ unit: 'binary', maxLength: 8 })),
  dtype: fc.constantFrom(...dtypes.filter((dtype) => dtypeBits(dtype) >= 8)),
  shape: fc.array(fc.nat(5), { maxLength: 4 }),
});
const tensors = fc
  .uniqueArray(tensor, { selector: ({ name }) => name })
  .filter((all) => all.every(({ name }) => !name.includes('\0') && name !== '__metadata__'));

describe('layoutFile', () => {
  it('gives a header that the strict parser reads back', () => {
    fc.assert(
      fc.property(tensors, fc.dictionary(fc.string(), fc.string()), (specs, texts) => {
        const metadata = new Map(Object.entries(texts));
        const { header, offsets, fileBytes } = layoutFile(specs, metadata);
        const parsed = parseHeader(header.subarray(8), fileBytes - header.length, 'x');
        expect(parsed.metadata).toEqual(metadata);
        expect(parsed.tensors).toHaveLength(specs.length);
        for (const { name, dtype, shape } of specs) {
          const begin = (offsets.get(name) ?? NaN) - header.length;
          expect(parsed.tensors).toContainEqual(expect.objectContaining({ name, dtype, shape, begin }));
        }
      }),
    );
  });

  it('aligns header and tensors', () => {
    fc.assert(
      fc.property(tensors, (specs) => {
        const { header, offsets } = layoutFile(specs);
        expect(header.length % 8).toBe(0);
        for (const { name, dtype } of specs) expect((offsets.get(name) ?? NaN) % (dtypeBits(dtype) / 8)).toBe(0);
      }),
    );
  });

  it('gives the same bytes in whatever order tensors and metadata come', () => {
    fc.assert(
      fc.property(
        tensors.chain((specs) => fc.tuple(fc.constant(specs), fc.shuffledSubarray(specs, { minLength: specs.length }))),
        ([specs, shuffled]) => {
          const forward = layoutFile(
            specs,
            new Map([
              ['a', '1'],
              ['b', '2'],
            ]),
          );
          const other = layoutFile(
            shuffled,
            new Map([
              ['b', '2'],
              ['a', '1'],
            ]),
          );
          expect(other.header).toEqual(forward.header);
        },
      ),
    );
  });

  it('gives the header that safetensors 0.8.0 for Python writes', () => {
    const { header, fileBytes } = layoutFile([
      { name: 'b.weight', dtype: 'BF16', shape: [2, 3] },
      { name: '😀', dtype: 'F32', shape: [1] },
      { name: '\uffee "x"\n', dtype: 'F32', shape: [] },
      { name: 'a', dtype: 'I8', shape: [3] },
      { name: 'n', dtype: 'I64', shape: [0, 2] },
    ]);
    // Of `safetensors.torch.save(…, metadata={"format": "pt"})`.
    const members = [
      '"__metadata__":{"format":"pt"}',
      '"n":{"dtype":"I64","shape":[0,2],"data_offsets":[0,0]}',
      '"\uffee \\"x\\"\\n":{"dtype":"F32","shape":[],"data_offsets":[0,4]}',
      '"😀":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}',
      '"b.weight":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]}',
      '"a":{"dtype":"I8","shape":[3],"data_offsets":[20,23]}',
    ];
    expect(Buffer.from(header.subarray(8)).toString()).toBe(`{${members.join(',')}}     `);
    expect(fileBytes).toBe(header.length + 23);
  });

  it('refuses two tensors of one name, and the reserved one', () => {
    const a: TensorSpec = { name: 'a', dtype: 'U8', shape: [1] };
    expect(() => layoutFile([a, a])).toThrow(RangeError);
    expect(() => layoutFile([{ ...a, name: '__metadata__' }])).toThrow(RangeError);
  });

  it('refuses sizes that no file can have', () => {
    const huge: TensorSpec = { name: 'a', dtype: 'F32', shape: [2 ** 32, 2 ** 32] };
    expect(() => layoutFile([huge])).toThrow(InputError);
    expect(() => layoutFile([{ name: 'a', dtype: 'F4', shape: [3] }])).toThrow(InputError);
  });
});

describe('planShards', () => {
  const bytes = (name: string, size: number): readonly [TensorSpec] => [{ name, dtype: 'U8', shape: [size] }];
  const plan = (groups: readonly (readonly TensorSpec[])[], limit: number): [string, string[]][] =>
    planShards(groups, limit).map((shard) => [shard.name, shard.groups.flat().map(({ name }) => name)]);

  it('keeps everything in one file while it fits', () => {
    expect(plan([bytes('b', 4), bytes('a', 6)], 10)).toEqual([['model.safetensors', ['a', 'b']]]);
  });

  it('gives a file without tensors for none', () => {
    expect(plan([], 10)).toEqual([['model.safetensors', []]]);
  });

  it('fills files in natural order', () => {
    const groups = [bytes('layers.10.w', 4), bytes('layers.9.w', 4), bytes('layers.2.w', 4), bytes('embed', 4)];
    expect(plan(groups, 8)).toEqual([
      ['model-00001-of-00002.safetensors', ['embed', 'layers.2.w']],
      ['model-00002-of-00002.safetensors', ['layers.9.w', 'layers.10.w']],
    ]);
  });

  it('gives a group that is over the limit a file of its own', () => {
    expect(plan([bytes('a', 1), bytes('b', 100), bytes('c', 1)], 10).map(([, names]) => names)).toEqual([
      ['a'],
      ['b'],
      ['c'],
    ]);
  });

  it('keeps groups together, under the limit, and loses none', () => {
    const group = fc.array(fc.nat(20), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(group), fc.integer({ min: 1, max: 50 }), (sizes, limit) => {
        const groups = sizes.map((group, i) =>
          group.map((size, j): TensorSpec => ({ name: `t${i}.${j}`, dtype: 'U8', shape: [size] })),
        );
        const shards = planShards(groups, limit);
        expect(shards.flatMap((shard) => shard.groups)).toEqual(groups);
        for (const shard of shards) {
          const total = shard.groups.flat().reduce((sum, { shape }) => sum + shape[0], 0);
          const largest = shard.groups.filter((members) => members.some(({ shape }) => shape[0] > 0));
          if (largest.length > 1) expect(total).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });
});
