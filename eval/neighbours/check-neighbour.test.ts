import { readdirSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { fakePython, type FakeRun } from '../../testing/fake-python.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { checkNeighbour, type CheckedNeighbour } from './check-neighbour.ts';

const VOCAB = 5;
const tokenIds = Int32Array.of(3, 1, 4);

/**
 * The temporary folder is made before the first answer.
 *
 * @param logits of ours after each token, all alike
 */
function check(run: FakeRun, logits: number[] = [0, 0, 0, 0, 0]): Promise<CheckedNeighbour> {
  const folder = temporaryFolder();
  const python = fakePython(folder, { list: 'all', run });
  const own = { tokenIds, promptTokens: 1, logits: Float32Array.from([...logits, ...logits, ...logits]) };
  return checkNeighbour(
    { neighbour: 'transformers', folder, vocabSize: VOCAB, own, limit: 0.01 },
    { python, script: 'neighbours.py', timeoutSeconds: 60, signal: new AbortController().signal },
  );
}

describe('checkNeighbour', () => {
  it('finds the same logits ok', async () => {
    const row = await check({ does: 'zeros' });
    expect(row).toMatchObject({ verdict: 'ok', meanKl: 0, maxKl: 0, sameTop: 1, loadSeconds: 1, peakMemoryBytes: 1e9 });
  });

  it('finds others different', async () => {
    const row = await check({ does: 'zeros' }, [0, 3, 0, 0, 0]);
    expect(row).toMatchObject({ verdict: 'differs', limit: 0.01, sameTop: 0 });
  });

  it.each<[string, FakeRun, string]>([
    ['another shape', { does: 'zeros', columns: 6 }, 'it gives logits [3, 6], we give [3, 5]'],
    ['a file that is too short', { does: 'zeros', bytes: 8 }, 'it wrote 8 bytes of logits instead of 60'],
    [
      'one that is too long',
      { does: 'zeros', bytes: 64 },
      'its logits cannot be read: logits: 64 bytes are over the limit of 60',
    ],
    ['an answer of another protocol', { does: 'zeros', columns: -1 }, 'its answer is not of the protocol'],
    ['an error', { does: 'fail', error: 'ValueError: no' }, 'ValueError: no'],
  ])('says that it failed: %s', async (_, run, reason) => {
    const folder = temporaryFolder();
    vi.stubEnv('TMPDIR', folder);
    const row = check(run);
    vi.unstubAllEnvs();
    expect(await row).toEqual({ verdict: 'failed', reason });
    expect(readdirSync(folder).filter((name) => name.startsWith('cider-check-'))).toEqual([]);
  });
});
