import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { fakePython, type FakeRun } from '../../testing/fake-python.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { askPython, type PythonAnswer } from './ask-python.ts';
import type { RunRequest } from './protocol.ts';

const { signal } = new AbortController();

const request = (folder: string): RunRequest => ({
  do: 'run',
  neighbour: 'transformers',
  model: folder,
  tokens: [1, 2],
  vocabSize: 3,
  output: join(folder, 'logits'),
  floatOutput: null,
  scratch: folder,
});

function ask(run: FakeRun, members: { timeoutSeconds?: number; signal?: AbortSignal } = {}): Promise<PythonAnswer> {
  const folder = temporaryFolder();
  const python = fakePython(folder, { list: 'all', run });
  return askPython(request(folder), { python, script: 'neighbours.py', timeoutSeconds: 60, signal, ...members });
}

/** Waits until a process is gone, or has only to be taken note of by its parent. */
async function gone(pid: number): Promise<boolean> {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      process.kill(pid, 0);
      if (/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return true;
    } catch {
      return true;
    }
    await sleep(50);
  }
  return false;
}

async function started(pidFile: string): Promise<number> {
  while (!existsSync(pidFile) || readFileSync(pidFile, 'utf8') === '') await sleep(20);
  return Number(readFileSync(pidFile, 'utf8'));
}

describe('askPython', () => {
  it('gives the answer', async () => {
    const { ok, answer } = (await ask({ does: 'zeros' })) as Extract<PythonAnswer, { ok: true }>;
    expect(ok).toBe(true);
    expect(answer).toMatchObject({ kind: 'logits', rows: 2, columns: 3 });
  });

  it('says that there is no such interpreter', async () => {
    const options = { python: '/no/such/python', script: 'neighbours.py', timeoutSeconds: 60, signal };
    const answer = await askPython({ do: 'list', compressed: false }, options);
    expect(answer).toEqual({ ok: false, started: false, reason: expect.stringContaining('ENOENT') as string });
  });

  it.each<[string, FakeRun, string]>([
    ['an error by its last line', { does: 'fail', error: 'RuntimeError: several\n  sizes differ\n' }, 'sizes differ'],
    ['300 characters of it', { does: 'fail', error: 'x'.repeat(100_000) }, 'x'.repeat(300)],
    [
      'a crash by the last line of standard error',
      { does: 'print', text: 'Traceback\nImportError: no\n', exitCode: 1 },
      'no answer (exit code 1): ImportError: no',
    ],
    ['garbage', { does: 'print', text: '', exitCode: 0 }, 'no answer (exit code 0)'],
    ['too much output', { does: 'flood' }, 'more than 1048576 characters of output'],
  ])('tells %s', async (_, run, reason) => {
    expect(await ask(run)).toEqual({ ok: false, started: true, reason });
  });

  it('ends what takes too long, with all that it started', async () => {
    const pidFile = join(temporaryFolder(), 'pid');
    const answer = await ask({ does: 'hang', pidFile }, { timeoutSeconds: 1 });
    expect(answer).toEqual({ ok: false, started: true, reason: 'no answer within 1 s' });
    expect(await gone(await started(pidFile))).toBe(true);
  });

  it('ends it when the signal is aborted, and throws the reason', async () => {
    const pidFile = join(temporaryFolder(), 'pid');
    const controller = new AbortController();
    const answer = ask({ does: 'hang', pidFile }, { signal: controller.signal });
    const refusal = expect(answer).rejects.toThrow('enough');
    const pid = await started(pidFile);
    controller.abort(new Error('enough'));
    await refusal;
    expect(await gone(pid)).toBe(true);
  });
});
