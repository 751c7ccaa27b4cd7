import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { caseName, parseCase, type Operation, type VerifyCase } from './verify-case.ts';

const operations = fc.oneof(
  fc.constantFrom<Operation>({ kind: 'matmul-int8' }, { kind: 'quantize' }),
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
        const verifyCase = drawn.operation.kind === 'quantize' ? { ...drawn, n: 1 } : drawn;
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

  it.each([
    '',
    'w8a8',
    'w8a9:1x1x1:random:0',
    'w8a8:1x1:random:0',
    'quantize:1x1x1:random:0',
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
