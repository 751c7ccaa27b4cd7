import { spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** The compiler of every published library; other versions give other bytes. `pip install ziglang==0.17.1` brings it. */
export const ZIG_VERSION = '0.17.1';

/**
 * The zig executable: `$CIDER_ZIG`, else the one in Python's `ziglang` package, for `$PYTHON` or `python3`.
 *
 * @throws if there is none, or of another version
 */
export function findZig() {
  const zig = process.env.CIDER_ZIG ?? zigOfPython(process.env.PYTHON ?? 'python3');
  const version = zig && ask(zig, ['version']);
  if (version !== ZIG_VERSION) {
    const found = version ? `zig ${version} was found` : 'no zig was found';
    throw new Error(`${found}; zig ${ZIG_VERSION} is needed: pip install ziglang==${ZIG_VERSION}, or set CIDER_ZIG`);
  }
  return zig;
}

/**
 * A clang that has sanitizers: `$CXX`, else one that is installed.
 *
 * @throws if there is none
 */
export function findSystemCompiler() {
  const candidates = process.env.CXX ? [process.env.CXX] : ['clang++-19', 'clang++'];
  const compiler = candidates.find((candidate) => ask(candidate, ['--version']) !== undefined);
  if (!compiler) throw new Error(`no clang was found; tried ${candidates.join(', ')}; set CXX to another`);
  return compiler;
}

const zigOfPython = (python) =>
  ask(python, ['-c', 'import os, ziglang; print(os.path.join(os.path.dirname(ziglang.__file__), "zig"))']);

/** What a command prints; undefined if it cannot be run or fails. */
function ask(command, args) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * Runs a compiler and passes its warnings on.
 *
 * @returns {Promise<void>} rejected with the command if it fails
 */
export function run(command, args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status === 0) resolve();
      else reject(new Error(`${[command, ...args].join(' ')}: ${signal ?? `exit code ${status}`}`));
    });
  });
}

/** Like Promise.all over `items`, with as many at a time as there are processors; after a failure nothing starts. */
export async function inParallel(items, action) {
  const queue = items.entries();
  const results = new Array(items.length);
  const failures = [];
  const worker = async () => {
    for (const [index, item] of queue) {
      if (failures.length > 0) return;
      try {
        results[index] = await action(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  if (failures.length > 0) throw failures[0];
  return results;
}

/** Runs a script's `action`; what goes wrong is said in one line, with exit code 1. */
export async function main(action) {
  try {
    await action();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
