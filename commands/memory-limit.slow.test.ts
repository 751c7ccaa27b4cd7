import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statfsSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { reportFigure } from '../testing/report-figure.ts';
import { writeSparseCheckpoint } from '../testing/sparse-checkpoint.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { packagePath } from './package-path.ts';

const GIB = 2 ** 30;

/** Prints the peak of the resident memory when the process has done everything else. */
const tellPeak = `data:text/javascript,${encodeURIComponent(`
  import { readFileSync } from 'node:fs';
  process.on('exit', () => {
    const [, peak] = /^VmHWM:\\s*(\\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    process.stderr.write('peak ' + peak + '\\n');
  });`)}`;

const { bavail, bsize } = statfsSync(os.tmpdir());
const hasRoom = bavail * bsize > 8 * GIB;

/*
 * The limit is that of private memory that can be written to, which the kernel holds the process to (RLIMIT_DATA; Linux
 * counts mmap in it): that of addresses (ulimit -v) says nothing of a program on V8, which reserves tens of gigabytes and
 * uses none of them. What is resident is more, by code and shared memory; it is measured and has the same limit.
 */
it.runIf(process.platform === 'linux' && hasRoom)('converts a sharded checkpoint of 8 GiB with 1 GiB of memory', () => {
  const root = temporaryFolder();
  const [input, output] = [join(root, 'in'), join(root, 'out')];
  mkdirSync(input);
  const largest = writeSparseCheckpoint(input, 8 * GIB, 5e9);
  const command = [process.execPath, '--import', tellPeak, packagePath('dist/bin/cider.js'), 'convert', input];
  const script = `ulimit -d ${GIB / 1024} && exec "$@"`;
  const run = spawnSync('bash', ['-c', script, 'bash', ...command, '-o', output, '--json', '-t', '2'], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  expect(run.stderr).toMatch(/^peak \d+\n$/);
  expect(run.status).toBe(0);
  const peakBytes = 1024 * Number(/\d+/.exec(run.stderr)?.[0]);
  const { result } = JSON.parse(run.stdout) as { result: { bytes: { in: number; out: number } } };
  reportFigure(
    `peak resident memory, convert of ${result.bytes.in} bytes to ${result.bytes.out}: ${peakBytes} bytes; ` +
      `the largest tensor has ${largest}`,
  );
  expect(result.bytes.in).toBeGreaterThan(8 * GIB);
  expect(peakBytes).toBeLessThan(GIB);
  const manifest = JSON.parse(readFileSync(join(output, 'cider.json'), 'utf8')) as { files: unknown[] };
  expect(manifest.files.length).toBeGreaterThan(1);
});
