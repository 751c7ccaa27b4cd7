import { describe, expect, it } from 'vitest';
import type { LinearRow } from '../kernels/bench/bench-linear.ts';
import type { LinearKernel } from '../kernels/bench/linear-kernel.ts';
import { csvHeader, csvLine, describeShape, formatFigure } from './bench-tables.ts';

const shape = { n: 64, k: 32 };
const kernels: Pick<LinearKernel, 'name' | 'operands'>[] = [
  { name: 'w8a8', operands: 'int8' },
  { name: 'w8a16', operands: 'bf16' },
  { name: 'bf16', operands: 'bf16' },
];
const row = (m: number, kernel: string, medianMs: number, gops: number, gbs: number, percent: number): LinearRow => ({
  ...shape,
  m,
  kernel,
  medianMs,
  gops,
  gbs,
  percentOfPeak: percent,
  spreadPercent: 1.25,
  samplesNs: [medianMs * 1e6],
});
const rows = [
  row(1, 'w8a8', 0.5, 20, 9, 90),
  row(8, 'w8a8', 1, 450, 4, 50),
  row(1, 'w8a16', 0.6, 18, 8.5, 85),
  row(8, 'w8a16', 4, 95, 2, 95),
  row(1, 'bf16', 1.25, 9, 10, 100),
  row(8, 'bf16', 4.4, 90, 2, 90),
];
const peak = { int8Gops: 900, f32Gops: 100, bf16Gops: 0, readGBs: 10 };

describe('describeShape', () => {
  it('shows times, ratios, and the figure that is nearer to its peak', () => {
    expect(describeShape(shape, { peak, rows }, kernels, false).split('\n')).toEqual([
      'N x K = 64 x 32, milliseconds',
      'M   w8a8  w8a16  bf16',
      '1  0.500  0.600  1.25',
      '8   1.00   4.00  4.40',
      'how many times as fast',
      'M  w8a8/bf16  w8a8/w8a16',
      '1      2.50x       1.20x',
      '8      4.40x       4.00x',
      'GOPS or GB/s, and per cent of the peak: int8 900, f32 100 GOPS, memory 10.0 GB/s',
      'M            w8a8           w8a16             bf16',
      '1  9.00 GB/s 90 %  8.50 GB/s 85 %  10.0 GB/s 100 %',
      '8        450 50 %       95.0 95 %        90.0 90 %',
      '',
    ]);
  });

  it('writes Markdown', () => {
    const text = describeShape(shape, { peak: undefined, rows: rows.slice(0, 1) }, kernels.slice(0, 1), true);
    expect(text.split('\n\n').slice(0, 2)).toEqual([
      '### N x K = 64 x 32, milliseconds',
      '| M | w8a8 |\n| ---: | ---: |\n| 1 | 0.500 |',
    ]);
    expect(text).toContain('GOPS; the peak is not known\n\n| M | w8a8 |\n| ---: | ---: |\n| 1 | 20.0 |');
  });
});

describe('csvLine', () => {
  it('has as many fields as the header', () => {
    expect(csvHeader).toBe('n,k,m,kernel,medianMs,gops,gbs,percentOfPeak,spreadPercent');
    expect(csvLine(rows[0])).toBe('64,32,1,w8a8,0.500000,20,9,90,1.25000');
    expect(csvLine({ ...rows[0], percentOfPeak: null })).toBe('64,32,1,w8a8,0.500000,20,9,,1.25000');
  });
});

describe('formatFigure', () => {
  it('has at least three digits and no exponent for what is large', () => {
    expect([0.01234, 1, 99.97, 999.4, 12_345.6].map(formatFigure)).toEqual(['0.0123', '1.00', '100', '999', '12346']);
  });
});
