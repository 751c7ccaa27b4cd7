import { describe, expect, it } from 'vitest';
import { dequantizeRows } from './dequantize-rows.ts';

describe('dequantizeRows', () => {
  it('multiplies each code by the scale of its group, the shorter last one too', () => {
    const codes = Int8Array.from({ length: 2 * 70 }, (_, i) => (i % 255) - 127);
    const scales = Float32Array.of(0.5, 3, 0.1, 1e-30, 7, 2);
    const target = new Float32Array(140);
    dequantizeRows(codes, scales, 2, 70, 32, target);
    target.forEach((value, i) => {
      const group = Math.floor(i / 70) * 3 + Math.floor((i % 70) / 32);
      expect(value).toBe(Math.fround(codes[i] * scales[group]));
    });
  });

  it('takes one scale a row for group size 0', () => {
    const target = new Float32Array(4);
    dequantizeRows(Int8Array.of(1, -2, 3, -128), Float32Array.of(2, 0.5), 2, 2, 0, target);
    expect([...target]).toEqual([2, -4, 1.5, -64]);
  });

  it('refuses lengths that do not fit', () => {
    const attempt = (codes: number, scales: number, target: number) => (): void => {
      dequantizeRows(new Int8Array(codes), new Float32Array(scales), 2, 40, 32, new Float32Array(target));
    };
    expect(attempt(80, 4, 80)).not.toThrow();
    expect(attempt(79, 4, 80)).toThrow('codes holds 79 elements, not 80');
    expect(attempt(80, 2, 80)).toThrow('scales holds 2 elements, not 4');
    expect(attempt(80, 4, 81)).toThrow('target holds 81 elements, not 80');
  });
});
