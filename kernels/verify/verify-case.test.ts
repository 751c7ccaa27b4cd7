import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { caseName, isQuantizer, parseCase, type Operation, type VerifyCase } from './verify-case.ts';

const operations = fc.oneof(
  fc.constantFrom<Operation>({ kind: 'matmul-int8' }, { kind: 'quantize' }),
  fc.record({
    kind: fc.constant('quantize-weight' as const),
    dtype: fc.constantFrom('F32' as const, 'F16' as const, 'BF16' as const),
    bits: fc.constantFrom<8 | 4>(8, 4),
    groupSize: fc.constantFrom(0 as const, 32 as const, 64 as const, 128 as const, 256 as const),
  }),
  fc.record({
    kind: fc.constant('layer' as const),
    bits: fc.constantFrom<8 | 4>(8, 4),
    groupSize: fc.nat(256),
    bias: fc.boolean(),
  }),
);
const sizes = fc.integer({ min: 1, max: 5000 });

describe('names of cases', () => {
  it('are read back as the case that they name', () => {
    const cases = fc.record({
      operation: operations,
      m: sizes,
      n: sizes,
      k: sizes,
      content: fc.constantFrom<VerifyCase['content']>('random', 'extreme', 'edges'),
      seed: fc.nat(999_999_999),
    });
    fc.assert(
      fc.property(cases, (drawn) => {
        const verifyCase = isQuantizer(drawn.operation) ? { ...drawn, n: 1 } : drawn;
        expect(parseCase(caseName(verifyCase))).toEqual(verifyCase);
      }),
    );
  });

  it('have one spelling', () => {
    expect(parseCase('w8a8-g128+bias:33x1025x513:edges:7')).toEqual({
      operation: { kind: 'layer', bits: 8, groupSize: 128, bias: true },
      m: 33,
      n: 1025,
      k: 513,
      content: 'edges',
      seed: 7,
    });
  });

  it('of the quantizer of weights have format, bits and group size', () => {
    expect(parseCase('bf16-int4-g32:7x129:edges:3')).toEqual({
      operation: { kind: 'quantize-weight', dtype: 'BF16', bits: 4, groupSize: 32 },
      m: 7,
      n: 1,
      k: 129,
      content: 'edges',
      seed: 3,
    });
  });

  it.each([
    '',
    'w8a8',
    'w8a9:1x1x1:random:0',
    'w8a8:1x1:random:0',
    'quantize:1x1x1:random:0',
    'f32-int8:1x1x1:random:0',
    'f32-int8-g33:1x1:random:0',
    'f64-int8:1x1:random:0',
    'w8a8:0x1x1:random:0',
    'w8a8:1x1x1.5:random:0',
    'w8a8:1x1x1:other:0',
    'w8a8:1x1x1:random',
    'w8a8:1x1x1:random:-1',
    'w8a8:1x1x1:random:0:0',
    'w8a8:1x1x131072:random:0',
    'w8a8:100000x1x100000:random:0',
  ])('refuse %j', (name) => {
    expect(() => parseCase(name)).toThrow(RangeError);
  });
});
