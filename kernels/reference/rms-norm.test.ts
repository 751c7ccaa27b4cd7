import { describe, expect, it } from 'vitest';
import { randomFloats } from '../../testing/random-arrays.ts';
import { openReferenceBackend } from './backend.ts';

const backend = openReferenceBackend();
const [rows, columns, epsilon] = [5, 33, 1e-6];
const x = randomFloats(rows * columns, 1);
const gain = randomFloats(columns, 2);

function expectNormed(values: Float32Array): void {
  values.forEach((value, i) => {
    const row = x.subarray(i - (i % columns), i - (i % columns) + columns);
    const meanSquare = row.reduce((sum, element) => sum + element ** 2, 0) / columns;
    const expected = (x[i] / Math.sqrt(meanSquare + epsilon)) * gain[i % columns];
    // One rounding to f32, and a few in float64.
    expect(Math.abs(value - expected)).toBeLessThanOrEqual(2 ** -24 * Math.abs(expected) + 1e-14);
  });
}

describe('rmsNorm', () => {
  it('normalizes each row, also in place', () => {
    const input = backend.upload(rows, columns, x);
    const out = backend.allocate(rows, columns);
    backend.rmsNorm(out, input, backend.upload(1, columns, gain), { epsilon });
    expectNormed(backend.download(out));
    backend.rmsNorm(input, input, backend.upload(1, columns, gain), { epsilon });
    expectNormed(backend.download(input));
  });

  it('works on heads through a view', () => {
    const whole = backend.upload(1, rows * columns, x);
    const heads = backend.view(whole, rows, columns);
    backend.rmsNorm(heads, heads, backend.upload(1, columns, gain), { epsilon });
    expectNormed(backend.download(whole));
  });

  it('keeps a zero row zero', () => {
    const out = backend.allocate(1, columns);
    backend.rmsNorm(out, out, backend.upload(1, columns, gain), { epsilon });
    expect(backend.download(out).every((value) => value === 0)).toBe(true);
  });

  it('refuses a gain of another width', () => {
    const tensor = backend.allocate(rows, columns);
    expect(() => {
      backend.rmsNorm(tensor, tensor, backend.allocate(1, 32), { epsilon });
    }).toThrow('rmsNorm: gain must be [1, 33], not [1, 32]');
  });
});
