import { describe, expect, it } from 'vitest';
import { randomFloats } from '../../testing/random-arrays.ts';
import { openReferenceBackend } from './backend.ts';

const backend = openReferenceBackend();
const [rows, columns] = [3, 50];
const a = randomFloats(rows * columns, 1).map((value) => 30 * value);
const b = randomFloats(rows * columns, 2);

describe('siluMul', () => {
  it('gates, also in place', () => {
    const gate = backend.upload(rows, columns, a);
    backend.siluMul(gate, gate, backend.upload(rows, columns, b));
    backend.download(gate).forEach((value, i) => {
      const expected = (a[i] / (1 + Math.exp(-a[i]))) * b[i];
      // One rounding to f32; the float64 steps before it are far finer.
      expect(Math.abs(value - expected)).toBeLessThanOrEqual(2 ** -24 * Math.abs(expected) * (1 + 1e-6));
    });
  });

  it('goes to zero for gates far below zero', () => {
    const gate = backend.upload(1, 2, Float32Array.of(-1000, -3e38));
    backend.siluMul(gate, gate, backend.upload(1, 2, Float32Array.of(1, 1)));
    expect(Array.from(backend.download(gate), Math.abs)).toEqual([0, 0]);
  });
});

describe('add', () => {
  it('is an f32 addition, also in place', () => {
    const left = backend.upload(rows, columns, a);
    backend.add(left, left, backend.upload(rows, columns, b));
    expect(backend.download(left)).toEqual(a.map((value, i) => Math.fround(value + b[i])));
  });

  it('refuses other shapes', () => {
    const left = backend.allocate(rows, columns);
    expect(() => {
      backend.add(left, left, backend.allocate(columns, rows));
    }).toThrow('add: b must be [3, 50], not [50, 3]');
  });
});
