import { describe, expect, it } from 'vitest';
import type { Backend, DecodeMode } from '../backend.ts';
import { openReferenceBackend } from '../reference/backend.ts';
import { benchLinear, type LinearRow } from './bench-linear.ts';
import { linearKernels } from './linear-kernel.ts';
import type { PeakMeter } from './peak.ts';

const shape = { n: 10, k: 70 };
const reference = openReferenceBackend();

async function bench(
  backend: Backend & Partial<PeakMeter>,
  rows = [1, 5],
  decode: DecodeMode = 'w8a16',
): Promise<LinearRow[]> {
  const request = { kernels: linearKernels(32), rows, decode, warmup: 0, repetitions: 3 };
  const hooks = { signal: new AbortController().signal, onRow: () => undefined };
  return (await benchLinear(backend, reference, shape, request, hooks)).rows;
}

/** The reference, whose outputs go through `change`. */
const changing = (change: (values: Float32Array) => Float32Array): Backend => ({
  ...openReferenceBackend(),
  download: (tensor) => change(reference.download(tensor)),
});

describe('benchLinear', () => {
  it('has a row for each kernel and row count', async () => {
    const rows = await bench(reference);
    expect(rows.map(({ kernel, m }) => `${kernel} ${m}`)).toEqual(
      ['w8a8', 'w8a8-g32', 'w4a8-g32', 'w8a16', 'w4a16', 'bf16', 'f32'].flatMap((name) => [`${name} 1`, `${name} 5`]),
    );
    for (const row of rows) {
      expect(row.samplesNs).toHaveLength(3);
      expect(row.medianMs * 1e6).toBeCloseTo([...row.samplesNs].sort((a, b) => a - b)[1], 3);
      expect(row.gops).toBeCloseTo((2 * row.m * 10 * 70) / (row.medianMs * 1e6), 10);
      expect(row.percentOfPeak).toBeNull();
    }
  });

  it('counts the bytes of each stored weight', async () => {
    const bytes = (await bench(reference, [1])).map(({ gbs, medianMs }) => Math.round(gbs * medianMs * 1e6));
    const [codes, groups] = [10 * 70, 10 * 3];
    expect(bytes).toEqual([
      codes + 4 * 10,
      codes + 4 * groups,
      codes / 2 + 4 * groups,
      codes + 8 * 20,
      codes / 2 + 8 * 20,
      2 * codes,
      4 * codes,
    ]);
  });

  it('takes the peak that is nearer: of the arithmetic that the kernel uses, or of memory', async () => {
    const peak = (figures: object): PeakMeter => ({
      measurePeak: () => ({ int8Gops: 1e9, f32Gops: 1e9, bf16Gops: 0, readGBs: 1e9, ...figures }),
    });
    const integer = await bench({ ...reference, ...peak({ int8Gops: 1 }) });
    for (const row of integer.filter(({ kernel }) => kernel.includes('a8'))) {
      expect(row.percentOfPeak).toBeCloseTo(100 * row.gops, 6);
    }
    const float = await bench({ ...reference, ...peak({ f32Gops: 2 }) });
    for (const row of float.filter(({ kernel }) => !kernel.includes('a8'))) {
      expect(row.percentOfPeak).toBeCloseTo(50 * row.gops, 6);
    }
    for (const row of await bench({ ...reference, ...peak({ readGBs: 4 }) })) {
      expect(row.percentOfPeak).toBeCloseTo(25 * row.gbs, 6);
    }
  });

  it('does not time integer kernels that are off by one bit', async () => {
    const lastBit = changing((values) => {
      new Int32Array(values.buffer)[values.length - 1] ^= 1;
      return values;
    });
    await expect(bench(lastBit)).rejects.toThrow(
      /^w8a8 \[10, 70\], M = 4: out\[3, 9\] is 0x[0-9a-f]{8}, the reference/,
    );
  });

  it('lets float kernels round otherwise, but not be wrong', async () => {
    const single = (change: (value: number) => number): Backend =>
      changing((values) => (values.length === shape.n ? values.map(change) : values));
    expect(await bench(single((value) => value * (1 + 2 ** -23)))).toHaveLength(14);
    await expect(bench(single((value) => value * (1 + 2 ** -10)))).rejects.toThrow(
      'w8a8 [10, 70], M = 1: the error is',
    );
    await expect(bench(single(() => NaN))).rejects.toThrow('the error is NaN');
  });

  it.each(['w8a16', 'w8a8'] as const)('multiplies single rows by %s, and checks that', async (decode) => {
    const modes = new Set<string | undefined>();
    const watched: Backend = {
      ...reference,
      linear: (out, x, weight, options) => {
        modes.add(options?.decode);
        return reference.linear(out, x, weight, options);
      },
    };
    expect(await bench(watched, [1], decode)).toHaveLength(7);
    expect([...modes]).toEqual([decode]);
    const lastBit = changing((values) => {
      if (values.length === shape.n) new Int32Array(values.buffer)[0] ^= 1;
      return values;
    });
    if (decode === 'w8a16') expect(await bench(lastBit, [1], decode)).toHaveLength(7);
    else await expect(bench(lastBit, [1], decode)).rejects.toThrow('w8a8 [10, 70], M = 1: out[0, 0] is 0x');
  });

  it('gives all memory back', async () => {
    const held = new Set<object>();
    const keep = <Handle extends object>(handle: Handle): Handle => {
      held.add(handle);
      return handle;
    };
    await bench({
      ...reference,
      upload: (rows, columns, values) => keep(reference.upload(rows, columns, values)),
      allocate: (rows, columns) => keep(reference.allocate(rows, columns)),
      loadWeight: (source) => keep(reference.loadWeight(source)),
      release: (handle) => held.delete(handle),
    });
    expect(held.size).toBe(0);
  });
});
