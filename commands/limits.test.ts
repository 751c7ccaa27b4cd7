import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderContents } from '../testing/folder-contents.ts';
import { runCli, type CliRun } from '../testing/run-cli.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { tinyConfig, writeTinyCheckpoint } from '../testing/tiny-checkpoint.ts';
import { packagePath } from './package-path.ts';

/** Takes a second or so with least-error clipping on one thread. */
const slowConfig = { ...tinyConfig, hidden_size: 512, intermediate_size: 1024 };

function setUp(config: object = tinyConfig): { root: string; model: string; out: string } {
  const root = temporaryFolder();
  mkdirSync(join(root, 'in'));
  writeTinyCheckpoint(join(root, 'in'), config);
  return { root, model: join(root, 'in'), out: join(root, 'out') };
}

/** Runs `cider` after a line of bash that narrows what it may do. */
function runLimited(line: string, args: readonly string[]): Pick<CliRun, 'stdout' | 'stderr' | 'exitCode'> {
  const command = [process.execPath, packagePath('dist/bin/cider.js'), ...args];
  const run = spawnSync('bash', ['-c', `${line} && exec "$@"`, 'bash', ...command], { encoding: 'utf8' });
  return { stdout: run.stdout, stderr: run.stderr, exitCode: run.status };
}

const errorOf = ({ stdout }: Pick<CliRun, 'stdout'>): unknown => (JSON.parse(stdout) as { error?: unknown }).error;

/** Whether this user may mount in a namespace of its own, which the system forgets with the process. */
const mayMount =
  process.platform === 'linux' &&
  spawnSync('unshare', ['-rm', 'bash', '-c', 'mount -t tmpfs tmpfs /tmp'], { timeout: 10_000 }).status === 0;

const hasUlimit = process.platform === 'linux' || process.platform === 'darwin';

describe('a disk', () => {
  it.runIf(mayMount)('that is too small for the output is refused before any work, with both sizes', () => {
    const { root, model } = setUp();
    const disk = join(root, 'disk');
    mkdirSync(disk);
    const command = [process.execPath, packagePath('dist/bin/cider.js'), 'convert', model, '-o', join(disk, 'out')];
    const script = 'mount -t tmpfs -o size=1m tmpfs "$1"; shift; "$@"; code=$?; ls -A "$DISK"; exit $code';
    const run = spawnSync('unshare', ['-rm', 'bash', '-c', script, 'bash', disk, ...command], {
      encoding: 'utf8',
      env: { ...process.env, DISK: disk },
    });
    expect(run.stderr).toMatch(/the output needs \d+ bytes, but \d+ are free\nhint: /);
    expect(run).toMatchObject({ status: 5, stdout: '' });
  });

  it.runIf(mayMount)('that is read-only is refused before any work', () => {
    const { root, model } = setUp();
    const disk = join(root, 'disk');
    mkdirSync(disk);
    const command = [process.execPath, packagePath('dist/bin/cider.js'), 'convert', model, '-o', join(disk, 'out')];
    const script = 'mount -t tmpfs -o ro tmpfs "$1"; shift; exec "$@"';
    const run = spawnSync('unshare', ['-rm', 'bash', '-c', script, 'bash', disk, ...command], { encoding: 'utf8' });
    expect(run.stderr).toMatch(/the folder is not writable \(EROFS\)\nhint: /);
    expect(run).toMatchObject({ status: 5, stdout: '' });
  });

  it.runIf(mayMount)('that fills half-way exits 5, and --resume goes on with the files that were done', async () => {
    const { root, model } = setUp(slowConfig);
    const disk = join(root, 'disk');
    mkdirSync(disk);
    const args = ['convert', model, '--max-shard-size', '500kB', '--clip', 'mse', '-t', '1'];
    await runCli([...args, '-o', join(root, 'whole')]);
    const script = `
      cd "$1" && mount -t tmpfs -o size=24m tmpfs disk && cd disk && shift
      "$@" > ../cut 2>&1 & pid=$!
      while [ ! -e out.cider-partial/state.json ] && kill -0 $pid; do sleep 0.002; done
      cat /dev/zero > filler
      wait $pid; echo $? > ../code
      ls > ../left; rm filler
      "$@" --resume > ../resumed 2>&1
      cp -r . ../found`;
    const command = [process.execPath, packagePath('dist/bin/cider.js'), ...args, '-o', 'out'];
    const run = spawnSync('unshare', ['-rm', 'bash', '-c', script, 'bash', root, ...command], { encoding: 'utf8' });
    const textOf = (name: string): string => readFileSync(join(root, name), 'utf8');
    expect(run.status, run.stderr).toBe(0);
    expect(textOf('cut')).toMatch(/error: .*out\.cider-partial.* failed.* \(ENOSPC\)\nhint: /);
    expect(textOf('code')).toBe('5\n');
    expect(textOf('left')).toBe('filler\nout.cider-partial\n');
    expect(textOf('resumed')).toMatch(/going on: \d+ files are done\n/);
    expect(readdirSync(join(root, 'found'))).toEqual(['out']);
    expect(folderContents(join(root, 'found', 'out'))).toEqual(folderContents(join(root, 'whole')));
  });

  // A file that may not grow: the system answers as a disk does that fills half-way, and needs no rights for it.
  it.runIf(hasUlimit)('that takes no more of a file is an error of resources, and --resume starts again', async () => {
    const { root, model, out } = setUp();
    const args = ['convert', model, '-o', out, '--max-shard-size', '20kB', '--json'];
    await runCli(['convert', model, '-o', join(root, 'whole'), '--max-shard-size', '20kB']);
    const cut = runLimited('ulimit -f 15', args);
    expect(cut.exitCode).toBe(5);
    expect(errorOf(cut)).toMatchObject({ code: 'E_EFBIG', exit: 5 });
    expect(readdirSync(root)).toEqual(['in', 'whole']);
    const resumed = await runCli([...args, '--resume']);
    expect(resumed.exitCode).toBe(0);
    expect(folderContents(out)).toEqual(folderContents(join(root, 'whole')));
    expect(readdirSync(root)).toEqual(['in', 'out', 'whole']);
  });
});

describe('two runs on one output', () => {
  it('give the output of one of them, and exit 5 or 2 for the others', async () => {
    const { root, model, out } = setUp();
    const runs = await Promise.all(
      ['w8a8', 'w4a8', 'w8a16', 'w4a16'].map((mode) =>
        runCli(['convert', model, '-o', out, '--mode', mode, '--gs', '32', '--json']),
      ),
    );
    const winners = runs.filter(({ exitCode }) => exitCode === 0);
    expect(winners).toHaveLength(1);
    for (const run of runs.filter(({ exitCode }) => exitCode !== 0)) {
      const code = run.exitCode === 5 ? 'E_LOCKED' : 'E_OUTPUT_EXISTS';
      expect(errorOf(run)).toMatchObject({ code, exit: code === 'E_LOCKED' ? 5 : 2 });
    }
    const { result } = JSON.parse(winners[0].stdout) as { result: { files: { name: string; sha256: string }[] } };
    const contents = folderContents(out);
    for (const { name, sha256 } of result.files) expect(contents[name]).toBe(sha256);
    expect(readdirSync(root)).toEqual(['in', 'out']);
  });
});

describe('--resume', () => {
  it('exits 2 where anything that decides the bytes has changed, and says what', async () => {
    const { root, model, out } = setUp(slowConfig);
    const args = ['convert', model, '-o', out, '--max-shard-size', '500kB', '--clip', 'mse', '-t', '1', '--json'];
    const state = join(`${out}.cider-partial`, 'state.json');
    await runCli(args, {
      started: (child) => {
        const poll = setInterval(() => {
          if (existsSync(state)) child.kill('SIGKILL');
        }, 1);
        child.on('exit', () => {
          clearInterval(poll);
        });
      },
    });
    const refused = async (extra: readonly string[], member: string): Promise<void> => {
      const error = errorOf(await runCli([...args, '--resume', ...extra]));
      expect(error).toMatchObject({ code: 'E_RESUME_MISMATCH', exit: 2 });
      expect((error as { message: string }).message).toMatch(new RegExp(`the unfinished run differs in .*${member}`));
    };
    await refused(['--mode', 'w4a8'], 'mode');
    await refused(['--max-shard-size', '600kB'], 'maxShardBytes');
    await refused(['--ignore', 'k_proj'], 'ignore');
    const before = readFileSync(state, 'utf8');
    writeFileSync(state, before.replace(/"version":"[^"]*"/, '"version":"0.0.1"'));
    await refused([], 'version');
    writeFileSync(state, before);
    writeFileSync(join(model, 'tokenizer_config.json'), '{"a":1}');
    await refused([], 'input');
    expect(readdirSync(root)).toEqual(['in', 'out.cider-partial']);
  });
});

describe('streams', () => {
  it('that are closed from the start are no reason for a trace', async () => {
    const { root, model, out } = setUp();
    const full = openSync(join(root, 'log'), 'w');
    const run = runLimited('exec 2>&-', ['convert', model, '-o', out]);
    expect(run.exitCode).toBe(0);
    closeSync(full);
    const failed = runLimited('exec 1>&- 2>&-', ['inspect', join(root, 'nothing')]);
    expect(failed.exitCode).toBe(4);
    const child = spawn(process.execPath, [packagePath('dist/bin/cider.js'), 'inspect', join(root, 'nothing')]);
    child.stderr.destroy();
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code).toBe(4);
  });
});

describe('a second SIGINT', () => {
  it('ends the process at once, with the exit code of the first, and with nothing under the final name', async () => {
    const { root, model, out } = setUp(slowConfig);
    const run = await runCli(['convert', model, '-o', out, '--clip', 'mse', '-t', '1'], {
      started: (child) => {
        const poll = setInterval(() => {
          if (!existsSync(`${out}.cider-partial`)) return;
          clearInterval(poll);
          child.kill('SIGINT');
          child.kill('SIGINT');
        }, 1);
        child.on('exit', () => {
          clearInterval(poll);
        });
      },
    });
    expect(run.exitCode).toBe(130);
    expect(existsSync(out)).toBe(false);
    const resumed = await runCli(['convert', model, '-o', out, '-t', '1', '--overwrite']);
    expect(resumed.exitCode).toBe(0);
    expect(readdirSync(root)).toEqual(['in', 'out']);
  });
});
