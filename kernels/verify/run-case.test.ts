import { describe, expect, it } from 'vitest';
import { openReferenceBackend } from '../reference/backend.ts';
import { makeActivations } from './activations.ts';
import { Random } from './random.ts';
import { prepareCase } from './run-case.ts';
import { parseCase, type Content } from './verify-case.ts';
import { makeWeights } from './weights.ts';

const backend = openReferenceBackend();

async function run(name: string): Promise<readonly number[][]> {
  const outputs = (await prepareCase(parseCase(name))(backend)) ?? [];
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
    expect(Array.from(float?.[0].values ?? [])).not.toEqual(quantized);
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

  it('has weights with a NaN or an infinity at some of the edges, and nowhere else', () => {
    const operation = { kind: 'quantize-weight', dtype: 'F32', bits: 8, groupSize: 32 } as const;
    const finite = (content: Content): boolean[] =>
      Array.from({ length: 40 }, (_, seed) => {
        const values = Array.from(makeWeights(operation, content, 5, 33, new Random(seed)));
        return values.every(Number.isFinite);
      });
    expect(new Set(finite('edges'))).toEqual(new Set([true, false]));
    expect(new Set([...finite('random'), ...finite('extreme')])).toEqual(new Set([true]));
    for (const seed of [1, 2, 3]) {
      const halves = makeWeights({ ...operation, dtype: 'F16' }, 'extreme', 5, 33, new Random(seed));
      expect(Array.from(halves).filter((bits) => (bits & 0x7fff) >= 0x7c00)).toEqual([]);
    }
  });

  it('quantizes weights where a backend does, and compares where they are refused', async () => {
    const runCase = prepareCase(parseCase('bf16-int4-g32:3x70:random:1'));
    expect(await runCase(backend)).toBeUndefined();
    const outputs = await runCase({ ...backend, quantizeRows: (_, codes) => Promise.resolve(void codes.fill(3)) });
    expect(outputs?.map(({ name, columns, values }) => [name, columns, values.length])).toEqual([
      ['scales', 3, 9],
      ['codes', 70, 210],
    ]);
    const failing = (message: string) =>
      runCase({ ...backend, quantizeRows: () => Promise.reject(new Error(message)) });
    expect(await failing('NaN in row 2, column 65')).toEqual([
      { name: 'refused', columns: 2, values: Int32Array.of(2, 65) },
    ]);
    await expect(failing('out of memory')).rejects.toThrow('out of memory');
  });
});
