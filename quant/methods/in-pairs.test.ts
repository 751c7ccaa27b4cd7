import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { matrix, type LinearAlgebra } from '../../kernels/linear-algebra.ts';
import { referenceLinearAlgebra } from '../../kernels/reference/linear-algebra.ts';
import { inPairs, takingTurns } from './in-pairs.ts';

describe('inPairs', () => {
  it('works on every piece once, in order, on two at a time', async () => {
    const begun: number[] = [];
    let working = 0;
    let most = 0;
    await inPairs([5, 1, 1, 1, 3], async (piece) => {
      begun.push(piece);
      most = Math.max(most, ++working);
      await setTimeout(piece);
      working--;
    });
    expect(begun).toEqual([5, 1, 1, 1, 3]);
    expect([working, most]).toEqual([0, 2]);
  });

  it('begins nothing after a failure, and waits for what is under way', async () => {
    const ended: string[] = [];
    const run = inPairs(['fails', 'slow', 'never'], async (piece) => {
      if (piece === 'fails') throw new Error('broken');
      await setTimeout(5);
      ended.push(piece);
    });
    await expect(run).rejects.toThrow('broken');
    expect(ended).toEqual(['slow']);
  });
});

describe('takingTurns', () => {
  /** Fails for sums of one row. */
  function watched(): { algebra: LinearAlgebra; calls: string[] } {
    const calls: string[] = [];
    const algebra: LinearAlgebra = {
      ...referenceLinearAlgebra,
      multiplyAdd: async (c) => {
        calls.push(`begin ${c.rows}`);
        await setTimeout(c.rows);
        calls.push(`end ${c.rows}`);
        if (c.rows === 1) throw new Error('one row');
      },
    };
    return { algebra, calls };
  }

  const ofRows = (rows: number): ReturnType<typeof matrix> => matrix(new Float64Array(rows), rows, 1);

  it('lets no call begin before the last one is over, also one that fails', async () => {
    const { algebra, calls } = watched();
    const shared = takingTurns(algebra);
    const multiply = (rows: number): Promise<void> => shared.multiplyAdd(ofRows(rows), 1, ofRows(rows), ofRows(1));
    const [first, second, third] = await Promise.allSettled([multiply(3), multiply(1), multiply(2)]);
    expect(calls).toEqual(['begin 3', 'end 3', 'begin 1', 'end 1', 'begin 2', 'end 2']);
    expect([first.status, second.status, third.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });
});
