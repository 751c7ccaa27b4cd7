import { describe, expect, it } from 'vitest';
import { randomFloats } from '../../testing/random-arrays.ts';
import { openReferenceBackend } from './backend.ts';

const backend = openReferenceBackend();
const [rows, heads, headDim] = [6, 3, 8];
const half = headDim / 2;
const inverseFrequencies = Float32Array.from({ length: half }, (_, i) => 10_000 ** (-i / half));
const values = randomFloats(rows * heads * headDim, 1);

function rotated(firstPosition: number, attentionFactor: number, from = 0, to = rows): Float32Array {
  const width = heads * headDim;
  const x = backend.upload(to - from, width, values.slice(from * width, to * width));
  backend.rope(x, { headDim, firstPosition, inverseFrequencies, attentionFactor });
  return backend.download(x);
}

describe('rope', () => {
  it.each([
    [0, 1],
    [4000, 1],
    [17, 1.2079],
  ])('rotates the pairs of each head, from position %i, factor %f', (firstPosition, attentionFactor) => {
    rotated(firstPosition, attentionFactor).forEach((value, i) => {
      const d = i % headDim;
      const position = firstPosition + Math.floor(i / (heads * headDim));
      const angle = Math.fround(position * inverseFrequencies[d % half]);
      const partner = d < half ? -values[i + half] : values[i - half];
      const kept = values[i] * Math.cos(angle) * attentionFactor;
      const turned = partner * Math.sin(angle) * attentionFactor;
      // Each term is rounded three times (function, factor, product) and their sum once; 1e-12 covers second order.
      const tolerance = 2 ** -24 * (4 * Math.abs(kept) + 4 * Math.abs(turned)) + 1e-12;
      expect(Math.abs(value - (kept + turned))).toBeLessThanOrEqual(tolerance);
    });
  });

  it('gives the rows of a later part the positions that they have', () => {
    expect(rotated(7, 1, 2)).toEqual(rotated(5, 1).subarray(2 * heads * headDim));
  });

  it('refuses odd heads and frequencies that do not fit', () => {
    const x = backend.allocate(2, 12);
    const options = { firstPosition: 0, inverseFrequencies, attentionFactor: 1 };
    expect(() => {
      backend.rope(x, { ...options, headDim: 3 });
    }).toThrow('rope: headDim 3 is odd');
    expect(() => {
      backend.rope(x, { ...options, headDim: 8 });
    }).toThrow('rope: x has 12 columns, not a multiple of headDim 8');
    expect(() => {
      backend.rope(x, { ...options, headDim: 6 });
    }).toThrow('rope: needs 3 frequencies, not 4');
  });
});
