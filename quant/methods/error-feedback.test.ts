import { describe, expect, it } from 'vitest';
import { matrix, type LinearAlgebra } from '../../kernels/linear-algebra.ts';
import { referenceLinearAlgebra as algebra } from '../../kernels/reference/linear-algebra.ts';
import type { WeightScheme } from '../schemes/scheme.ts';
import { feedErrors } from './error-feedback.ts';
import { publishedCodes, publishedFactor } from './gptq.test.oracle.ts';
import { correlatedInputs, gram, prepared, sampleWeights } from './hessian.test.samples.ts';
import type { PreparedHessian } from './hessian.ts';
import { roundRows, type QuantizedRows } from './quantized-rows.ts';

const rows = 3;

async function run(
  weight: Float64Array,
  hessian: PreparedHessian,
  target: QuantizedRows,
  used: LinearAlgebra = algebra,
): Promise<Int8Array> {
  const { columns, order, dead } = hessian;
  const ordered = Float64Array.from(weight, (_, i) => {
    const k = order[i % columns];
    return dead[k] ? 0 : weight[i - (i % columns) + k];
  });
  await feedErrors(matrix(ordered, rows, columns), target, hessian, used);
  return target.codes;
}

const rowsOfFactor = ({ factor: { data }, columns }: PreparedHessian): number[][] =>
  Array.from({ length: columns }, (_, i) => [...data.subarray(i * columns, (i + 1) * columns)]);

describe.each([1, 7, 31, 32, 33, 129, 300])('feedErrors of %d columns', (columns) => {
  const dead = columns > 7 ? [5, columns - 2] : [];
  const values = gram(correlatedInputs(columns, columns + 50, columns, dead), columns);
  const weight = sampleWeights(rows, columns, 3);

  it.each<[string, WeightScheme, boolean]>([
    ['int8', { bits: 8, groupSize: 0, clip: { kind: 'minmax' } }, false],
    ['int4 in groups', { bits: 4, groupSize: 32, clip: { kind: 'mse' } }, false],
    ['int4 in groups by act-order', { bits: 4, groupSize: 32, clip: { kind: 'minmax' } }, true],
    ['int4 that clips', { bits: 4, groupSize: 0, clip: { kind: 'percentile', percentile: 80 } }, true],
  ])('gives the codes of gptq.py column by column: %s', async (_, scheme, activationOrder) => {
    const hessian = await prepared(values, columns, { damping: 0.01, activationOrder });
    const target = roundRows(Float32Array.from(weight), rows, columns, scheme);
    const codes = await run(weight, hessian, target);
    expect(codes).toEqual(publishedCodes(weight, target, hessian, rowsOfFactor(hessian)));
  });

  it('gives them with the factor of gptq.py too', async () => {
    const live = gram(correlatedInputs(columns, columns + 50, columns), columns);
    const hessian = await prepared(live, columns, { damping: 0.01, activationOrder: true });
    const scheme: WeightScheme = { bits: 8, groupSize: 0, clip: { kind: 'minmax' } };
    const target = roundRows(Float32Array.from(weight), rows, columns, scheme);
    const codes = await run(weight, hessian, target);
    expect(codes).toEqual(publishedCodes(weight, target, hessian, publishedFactor(live, hessian.order, 0.01)));
  });
});

describe('feedErrors', () => {
  it('gives what is right of a block the bits that one column after the other gives', async () => {
    const columns = 300;
    const values = gram(correlatedInputs(columns, 350, 5, [9]), columns);
    const hessian = await prepared(values, columns, { damping: 0.01, activationOrder: true });
    const weight = sampleWeights(rows, columns, 6);
    const scheme: WeightScheme = { bits: 4, groupSize: 32, clip: { kind: 'minmax' } };
    const target = roundRows(Float32Array.from(weight), rows, columns, scheme);
    const found: number[][] = [];
    await run(weight, hessian, target, {
      ...algebra,
      async multiplyAdd(c, ...rest) {
        await algebra.multiplyAdd(c, ...rest);
        const elements = Array.from({ length: rows * c.columns }, (_, i) => [Math.floor(i / c.columns), i % c.columns]);
        found.push(elements.map(([n, j]) => c.data[c.offset + n * c.stride + j]));
      },
    });
    const expected: number[][] = [];
    publishedCodes(weight, target, hessian, rowsOfFactor(hessian), (position, weights) => {
      if ((position + 1) % 32 !== 0) return;
      const right = [...hessian.order.subarray(position + 1)];
      expected.push(Array.from({ length: rows }, (_, n) => right.map((k) => weights[n * columns + k])).flat());
    });
    expect(found).toEqual(expected);
  });

  it('leaves codes 0 where a group has no scale', async () => {
    const columns = 64;
    const hessian = await prepared(gram(correlatedInputs(columns, 80, 4), columns), columns);
    const weight = Float64Array.from({ length: rows * columns }, (_, i) => (i % columns < 32 ? i : 1e-40));
    const scheme: WeightScheme = { bits: 4, groupSize: 32, clip: { kind: 'minmax' } };
    const target = roundRows(Float32Array.from(weight), rows, columns, scheme);
    const codes = await run(weight, hessian, target);
    expect([...codes].every((code, i) => code === 0 || i % columns < 32)).toBe(true);
    expect([...target.scales].map((scale) => scale === 0)).toEqual([false, true, false, true, false, true]);
  });

  it('stops between blocks', async () => {
    const hessian = await prepared(gram(correlatedInputs(8, 9, 1), 8), 8);
    const scheme: WeightScheme = { bits: 4, groupSize: 0, clip: { kind: 'minmax' } };
    const target = roundRows(new Float32Array(8), 1, 8, scheme);
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(feedErrors(matrix(new Float64Array(8), 1, 8), target, hessian, algebra, signal)).rejects.toThrow(
      'stopped',
    );
  });
});
