import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { folderContents } from './folder-contents.ts';
import { runCli, type CliRun } from './run-cli.ts';
import { expectWholeOrAbsent } from './survival.ts';

/** A command that makes `root/out` of `root/in`. */
export interface KilledCommand {
  name: string;
  /** Folder that `in` leads to. */
  input: string;
  args: (root: string) => string[];
  /** Gives an output of ours with other content, which half of the chains replace. */
  formerArgs: (root: string) => string[];
}

/** What an undisturbed run of a command gives, and takes. */
interface Undisturbed {
  command: KilledCommand;
  wanted: Record<string, string>;
  former: Record<string, string>;
  formerFolder: string;
  /** Milliseconds until the lock of the output is there, and until the end. */
  lockMs: number;
  totalMs: number;
}

/** Where a kill found a run, by what it left. */
export const moments = [
  'before the output was claimed',
  'while files were written',
  'between the old output and the new one',
  'after the new output had its name',
  'after the end',
] as const;
export type Moment = (typeof moments)[number];

/** Without the native library, whose loading takes most of the time of so short a run. */
const env = { CIDER_LIBRARY: '/no/such/library' };

export async function undisturbed(command: KilledCommand, folder: string): Promise<Undisturbed> {
  const formerRoot = newRoot(folder, `${command.name}-former`, command);
  expect(await runCli(command.formerArgs(formerRoot), { env })).toMatchObject({ exitCode: 0 });
  const formerFolder = join(formerRoot, 'out');
  let [lockMs, totalMs] = [Infinity, Infinity];
  let wanted = {};
  for (let run = 0; run < 3; run++) {
    const root = newRoot(folder, `${command.name}-${run}`, command);
    const start = performance.now();
    let lockedAt = start;
    const { exitCode, stderr } = await runCli(command.args(root), {
      env,
      started: (child) => {
        whenever(join(root, 'out.cider-lock'), child, () => (lockedAt = performance.now()));
      },
    });
    expect(exitCode, stderr).toBe(0);
    wanted = folderContents(join(root, 'out'));
    totalMs = Math.min(totalMs, performance.now() - start);
    lockMs = Math.min(lockMs, lockedAt - start);
  }
  return { command, wanted, former: folderContents(formerFolder), formerFolder, lockMs, totalMs };
}

/**
 * Kills a run, the one that goes on after it, and so on; looks at the output each time; and lets the last one end. Its
 * output must be that of an undisturbed run, with nothing left beside it.
 *
 * @param random uniform in [0, 1)
 * @returns what each kill found
 */
export async function killChain(
  { command, wanted, former, formerFolder, lockMs, totalMs }: Undisturbed,
  root: string,
  kills: number,
  random: () => number,
): Promise<Moment[]> {
  prepareRoot(root, command);
  const replaces = random() < 0.5;
  if (replaces) cpSync(formerFolder, join(root, 'out'), { recursive: true });
  const args = [...command.args(root), '--resume', ...(replaces ? ['--overwrite'] : [])];
  const outputs = { former: replaces ? former : undefined, wanted };
  const found: Moment[] = [];
  let state: ReturnType<typeof expectWholeOrAbsent> = replaces ? 'former' : 'absent';
  while (found.length < kills && state !== 'new') {
    const run = await runKilled(args, root, random, { lockMs, totalMs });
    state = expectWholeOrAbsent(root, outputs, `${command.name}, after kill ${found.length}`);
    found.push(momentOf(run, root, state));
  }
  if (state !== 'new') {
    const last = await runCli(args, { env });
    expect(last, `${command.name}, resumed`).toMatchObject({ exitCode: 0 });
  } else {
    // What a kill left beside the new output does not block the next run.
    expect(await runCli([...args, '--overwrite'], { env }), `${command.name}, again`).toMatchObject({ exitCode: 0 });
  }
  expect(folderContents(join(root, 'out'))).toEqual(wanted);
  expect(readdirSync(root).filter((name) => !name.endsWith('.stale'))).toEqual(['in', 'out']);
  return found;
}

/**
 * A third of the kills fall anywhere in the life of the process, a third anywhere while it holds the lock, a third within
 * milliseconds of the last file of the new output.
 */
async function runKilled(
  args: readonly string[],
  root: string,
  random: () => number,
  { lockMs, totalMs }: Pick<Undisturbed, 'lockMs' | 'totalMs'>,
): Promise<CliRun> {
  const kind = random();
  const part = random();
  return runCli(args, {
    env,
    started: (child) => {
      const killAfter = (ms: number): void => {
        setTimeout(() => child.kill('SIGKILL'), ms);
      };
      if (kind < 1 / 3) killAfter(1.05 * totalMs * part);
      else if (kind < 2 / 3) {
        whenever(join(root, 'out.cider-lock'), child, () => {
          killAfter(1.2 * (totalMs - lockMs) * part);
        });
      } else {
        whenever(join(root, 'out.cider-partial', 'config.json'), child, () => {
          killAfter(8 * part * part);
        });
      }
    },
  });
}

function momentOf(run: CliRun, root: string, state: string): Moment {
  if (run.signal !== 'SIGKILL') {
    expect(run, run.stderr).toMatchObject({ exitCode: 0 });
    return 'after the end';
  }
  if (state === 'new') return 'after the new output had its name';
  if (state === 'aside') return 'between the old output and the new one';
  return existsSync(join(root, 'out.cider-lock')) ? 'while files were written' : 'before the output was claimed';
}

/** Calls back once when a file appears while a process lives. */
function whenever(
  path: string,
  child: { once: (event: 'exit', listener: () => void) => unknown },
  then: () => void,
): void {
  const poll = setInterval(() => {
    if (!existsSync(path)) return;
    clearInterval(poll);
    then();
  }, 1);
  child.once('exit', () => {
    clearInterval(poll);
  });
}

function newRoot(folder: string, name: string, command: KilledCommand): string {
  const root = join(folder, name.replaceAll(' ', '-'));
  prepareRoot(root, command);
  return root;
}

function prepareRoot(root: string, { input }: KilledCommand): void {
  mkdirSync(root, { recursive: true });
  symlinkSync(input, join(root, 'in'));
}
