import { describe, expect, it } from 'vitest';
import { edgeCases, originalCases, randomCases } from './case-list.ts';
import { caseName, operationName, parseCase, type VerifyCase } from './verify-case.ts';

const axes = { m: [1, 2, 7, 31, 32, 33, 64, 65, 128, 129], n: [1, 2, 7, 33, 127, 129, 513, 576, 896, 1025, 4097] };
const sizesOf = { ...axes, k: axes.n };

/** Quantizers of weights by format and bits. */
const weights = ['f32', 'f16', 'bf16'].flatMap((dtype) => [`${dtype}-int8`, `${dtype}-int4`]);

/** Operations without group size and bias. */
const kindOf = ({ operation }: VerifyCase): string => operationName(operation).replace(/-g\d+|\+bias/g, '');

describe('case lists', () => {
  it('have the fourteen shapes of the original, for products and for layers', () => {
    const cases = originalCases();
    const products = cases.filter(({ operation }) => operation.kind === 'matmul-int8');
    expect(new Set(products.map(({ m, n, k }) => `${m} ${n} ${k}`)).size).toBe(14);
    expect(products).toContainEqual({ ...products[0], m: 128, n: 4096, k: 4096, seed: 8 });
    expect(new Set(cases.map(({ operation }) => operationName(operation))).size).toBe(5);
    expect(cases).toHaveLength(14 * 5);
  });

  it.each([
    ['m', 'n'],
    ['m', 'k'],
    ['n', 'k'],
  ] as const)('meet every pair of sizes %s and %s of the edge list, in every kind of operation', (a, b) => {
    const cases = edgeCases();
    for (const kind of ['matmul-int8', 'w8a8', 'w4a8']) {
      const seen = new Set(cases.filter((each) => kindOf(each) === kind).map((each) => `${each[a]} ${each[b]}`));
      for (const x of sizesOf[a]) for (const y of sizesOf[b]) expect(seen).toContain(`${x} ${y}`);
    }
  });

  it.each(['quantize', 'quantize-weight'])('%s every M and K of the edge list', (kind) => {
    const seen = new Set(edgeCases().flatMap(({ operation, m, k }) => (operation.kind === kind ? [`${m} ${k}`] : [])));
    for (const m of sizesOf.m) for (const k of sizesOf.k) expect(seen).toContain(`${m} ${k}`);
  });

  it('quantize weights of every format, to both widths, in every group size', () => {
    const names = edgeCases().flatMap(({ operation }) =>
      operation.kind === 'quantize-weight' ? [operationName(operation)] : [],
    );
    expect(new Set(names).size).toBe(3 * 2 * 5);
  });

  it('have names that are not repeated and that can be parsed', () => {
    const cases = [...originalCases(), ...edgeCases()];
    expect(new Set(cases.map(caseName)).size).toBe(cases.length);
    for (const verifyCase of [...cases, ...randomCases(5, 500)])
      expect(parseCase(caseName(verifyCase))).toEqual(verifyCase);
  });

  it('draw random cases from the seed, the same ones for any count', () => {
    expect(randomCases(3, 40).slice(0, 10)).toEqual(randomCases(3, 10));
    expect(randomCases(3, 10)).not.toEqual(randomCases(4, 10));
    expect(new Set(randomCases(3, 300).map(kindOf))).toEqual(
      new Set(['matmul-int8', 'quantize', 'w8a8', 'w4a8', ...weights]),
    );
  });
});
