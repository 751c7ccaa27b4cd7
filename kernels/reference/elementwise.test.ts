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

describe('geluTanhMul', () => {
  const geluTanhMul = (gates: readonly number[], ups: readonly number[]): number[] => {
    const gate = backend.upload(1, gates.length, Float32Array.from(gates));
    backend.geluTanhMul(gate, gate, backend.upload(1, ups.length, Float32Array.from(ups)));
    return Array.from(backend.download(gate));
  };

  it('equals the formula with tanh', () => {
    const gates = a.map((value) => value / 6);
    geluTanhMul(Array.from(gates), Array.from(b)).forEach((value, i) => {
      const x = gates[i];
      const expected = (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))) * b[i];
      // One rounding to f32, and 1 + tanh in float64, which cancels where x is negative.
      expect(Math.abs(value - expected)).toBeLessThanOrEqual(2 ** -24 * Math.abs(expected) + 1e-14);
    });
  });

  /** torch.nn.functional.gelu(x, approximate='tanh') in float64, of PyTorch. */
  it('equals PyTorch', () => {
    const expected = [
      -0.0036373920817729943, -0.15880800939172324, -0.15428599017485606, 0.0, 0.34571400982514394, 0.8411919906082768,
      2.996362607918227,
    ];
    geluTanhMul([-3, -1, -0.5, 0, 0.5, 1, 3], Array(7).fill(1)).forEach((value, i) => {
      expect(value).toBe(Math.fround(expected[i]));
    });
  });

  it('goes to zero for gates far below zero, and to the gate far above', () => {
    expect(geluTanhMul([-100, -3e38, 100, 3e38], [1, 1, 2, 1]).map(Math.abs)).toEqual([0, 0, 200, Math.fround(3e38)]);
  });
});

describe('softCap', () => {
  it('bounds values, and leaves small ones nearly as they are', () => {
    const x = backend.upload(1, 6, Float32Array.of(0, 30, -30, 1e-3, 3e38, -Infinity));
    backend.softCap(x, 30);
    const tanh1 = Math.fround(30 * Math.tanh(1));
    expect(Array.from(backend.download(x))).toEqual([0, tanh1, -tanh1, Math.fround(1e-3), 30, -30]);
  });

  it('refuses a cap that is not positive', () => {
    const x = backend.allocate(1, 2);
    for (const cap of [0, -1, NaN, Infinity]) {
      expect(() => {
        backend.softCap(x, cap);
      }).toThrow(`softCap: the soft cap ${cap} is not positive`);
    }
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
