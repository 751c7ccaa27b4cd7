import { describe, expect, it } from 'vitest';
import { openReferenceBackend } from '../reference/backend.ts';
import { makeActivations } from './activations.ts';
import { Random } from './random.ts';
import { prepareCase } from './run-case.ts';
import { parseCase } from './verify-case.ts';

const backend = openReferenceBackend();

async function run(name: string): Promise<readonly number[][]> {
  const outputs = await prepareCase(parseCase(name))(backend);
  return outputs.map(({ values }) => Array.from(values));
}

describe('prepareCase', () => {
  it('gives the same result for the same name, and another for another seed', async () => {
    const first = await run('w4a8-g32+bias:3x5x70:random:1');
    expect(first[0]).toHaveLength(15);
    expect(await run('w4a8-g32+bias:3x5x70:random:1')).toEqual(first);
    expect(await run('w4a8-g32+bias:3x5x70:random:2')).not.toEqual(first);
  });

  it('quantizes a single row, too', async () => {
    const [quantized] = await run('w8a8:1x4x40:random:3');
    const prepared = prepareCase(parseCase('w8a8:1x4x40:random:3'));
    const float = await prepared({ ...backend, linear: (out, x, weight) => backend.linear(out, x, weight) });
    expect(Array.from(float[0].values)).not.toEqual(quantized);
  });

  it('adds codes without leaving int32, far beyond what f32 holds exactly', async () => {
    const [sums] = await run('matmul-int8:4x6x131071:extreme:1');
    expect(Math.max(...sums)).toBe(131_071 * 128 * 128);
    expect(Math.min(...sums)).toBe(131_071 * -128 * 127);
  });

  it('has rows of every kind that the page of numerics names', () => {
    const columns = 64;
    const x = makeActivations('edges', 24, columns, new Random(1));
    const rows = Array.from({ length: 24 }, (_, m) => Array.from(x.subarray(m * columns, (m + 1) * columns)));
    const absmax = (row: number[]): number => Math.max(...row.map(Math.abs));
    const has = (holds: (row: number[]) => boolean): boolean => rows.some(holds);
    expect(has((row) => row.every((value) => Object.is(value, 0)))).toBe(true);
    expect(has((row) => row.every((value) => Object.is(value, -0)))).toBe(true);
    expect(has((row) => row.filter(Number.isNaN).length === 1)).toBe(true);
    expect(has((row) => row.filter((value) => Math.abs(value) === Infinity).length === 1)).toBe(true);
    expect(has((row) => absmax(row) > 0 && absmax(row) < 2 ** -126)).toBe(true);
    expect(has((row) => Math.fround(absmax(row) / 127) === 2 ** -126)).toBe(true);
    expect(has((row) => row.every((value) => Math.abs(value) === absmax(row)) && absmax(row) > 0)).toBe(true);
    expect(has((row) => absmax(row) === 127 && row.filter((value) => value % 1 !== 0).length === columns - 1)).toBe(
      true,
    );
  });
});
