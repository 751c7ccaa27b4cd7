import { describe, expect, it } from 'vitest';
import type { SampleOptions } from '../backend.ts';
import { openReferenceBackend } from './backend.ts';

const backend = openReferenceBackend();
const probabilities = [0.1, 0.4, 0.2, 0.3];
const logits = Float32Array.from(probabilities, Math.log);

function sample(options: Partial<SampleOptions>, row = logits): number {
  return backend.sample(backend.upload(1, row.length, row), { temperature: 1, random: 0, ...options });
}

/** How often each token comes for 1000 evenly spread random numbers. */
function frequencies(options: Partial<SampleOptions>): number[] {
  const counts = probabilities.map(() => 0);
  for (let i = 0; i < 1000; i++) counts[sample({ ...options, random: (i + 0.5) / 1000 })]++;
  return counts;
}

/** A boundary between tokens may fall to either side of a random number. */
const expectNear = (counts: number[], expected: number[]): void => {
  counts.forEach((count, token) => {
    expect(Math.abs(count - expected[token])).toBeLessThanOrEqual(1);
  });
};

describe('argmax', () => {
  it('takes the largest of each row, the first of equals, and no NaN', () => {
    const rows = [[1, 3, 2], [5, 5, 4], [NaN, -2, -1], [-Infinity, -Infinity, -Infinity]]; // prettier-ignore
    const tensor = backend.upload(4, 3, Float32Array.from(rows.flat()));
    expect(Array.from(backend.argmax(tensor))).toEqual([1, 0, 2, 0]);
  });
});

describe('sample', () => {
  it('draws by probability', () => {
    expectNear(frequencies({}), [100, 400, 200, 300]);
  });

  it('keeps the topK largest', () => {
    expectNear(frequencies({ topK: 2 }), [0, (1000 * 4) / 7, 0, (1000 * 3) / 7]);
  });

  it('keeps the fewest that reach topP', () => {
    expectNear(frequencies({ topP: 0.39 }), [0, 1000, 0, 0]);
    expectNear(frequencies({ topP: 0.8 }), [0, (1000 * 4) / 9, (1000 * 2) / 9, (1000 * 3) / 9]);
  });

  it('flattens with a higher temperature and is greedy at 0', () => {
    const roots = probabilities.map(Math.sqrt);
    const total = roots.reduce((sum, root) => sum + root);
    expectNear(
      frequencies({ temperature: 2 }),
      roots.map((root) => (1000 * root) / total),
    );
    expect(sample({ temperature: 0, random: 0.999 })).toBe(1);
  });

  it('never draws a token without probability', () => {
    const row = Float32Array.of(0, -Infinity, 0);
    expect(sample({ random: 1 - 2 ** -53 }, row)).toBe(2);
  });

  it('takes the last row', () => {
    const tensor = backend.upload(2, 2, Float32Array.of(9, 0, 0, 9));
    expect(backend.sample(tensor, { temperature: 0, random: 0 })).toBe(1);
  });

  it.each([
    [{ temperature: -1 }],
    [{ temperature: NaN }],
    [{ topK: 0 }],
    [{ topK: 1.5 }],
    [{ topP: 0 }],
    [{ topP: 1.1 }],
    [{ random: 1 }],
  ])('refuses %o', (options) => {
    expect(() => sample(options)).toThrow(RangeError);
  });

  it.each([[[NaN, 1]], [[Infinity, 1]], [[-Infinity, -Infinity]]])('refuses the logits %o', (row) => {
    expect(() => sample({}, Float32Array.from(row))).toThrow('sample: a logit is NaN, or the largest infinite');
  });
});
