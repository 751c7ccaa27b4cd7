/** What the sanitizers see in kernels: the line, the lane, and races that only one order of lanes would show. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { buildPrograms } from './programs.mjs';

const address = await buildPrograms('address');
const thread = await buildPrograms('thread');

for (const [kernel, options, ...texts] of [
  [
    'write_at',
    '--buffer 64 --words 16',
    'memory.metal:6',
    'WRITE of size 4',
    'at offset 64 of buffer 0, which has 64 bytes',
  ],
  ['write_at', '--buffer 64 --words 0xffffffff', 'memory.metal:6', 'at offset -4 of buffer 0, which has 64 bytes'],
  ['read_at', '--buffer 64 --words 200000', 'memory.metal:10', 'READ of size 4', 'at offset 800000 of buffer 0'],
  ['read_at', '--buffer 64 --bytes 2', 'memory.metal:10', 'READ of size 4'],
  ['argument_overrun', '--buffer 64 --threadgroup 64', 'memory.metal:22', 'WRITE of size 4', 'lane 16'],
  ['threadgroup_overrun', '--buffer 64', 'memory.metal:15', 'index 8 out of bounds', 'lane 8'],
  ['misaligned', '--buffer 4 --buffer 8', 'memory.metal:42', 'load of misaligned address'],
  ['overflow', '--buffer 4', 'memory.metal:47', 'signed integer overflow'],
]) {
  test(`AddressSanitizer: ${kernel} ${options}`, () => {
    const { status, stderr } = address.launch('memory.metal', kernel, options);
    assert.notEqual(status, 0);
    for (const text of [...texts, `(kernel ${kernel}, threadgroup (0, 0, 0), lane`]) {
      assert.ok(stderr.includes(text), `${text} in ${stderr}`);
    }
  });
}

test('AddressSanitizer: a sound kernel, on several threads', () => {
  const { status, stderr, diagnostics, words } = address.launch(
    'meetings.metal',
    'mirrored_sum',
    '--groups 4 --threads 1024 --buffer 16384',
    { CIDER_EMULATOR_THREADS: '2', CIDER_EMULATOR_ORDER: '5' },
  );
  assert.equal(status, 0, stderr);
  assert.equal(diagnostics, 0);
  assert.equal(words[0][4095], words[0][1023]);
});

for (const [kernel, write, read] of [
  ['without_barrier', 18, 19],
  ['one_barrier_short', 26, 28],
  ['barrier_without_memory', 45, 47],
  ['narrow_barrier', 53, 55],
]) {
  for (const CIDER_EMULATOR_ORDER of ['forward', 'backward', '3']) {
    test(`ThreadSanitizer: ${kernel}, ${CIDER_EMULATOR_ORDER}`, () => {
      const { status, stderr } = thread.launch('races.metal', kernel, '--threads 64 --buffer 256', {
        CIDER_EMULATOR_ORDER,
      });
      assert.notEqual(status, 0);
      assert.match(stderr, /WARNING: ThreadSanitizer: data race/);
      for (const line of [write, read]) assert.ok(stderr.includes(`races.metal:${line}`), stderr);
    });
  }
}

for (const lanes of [64, 256, 1024]) {
  test(`ThreadSanitizer: lanes that share a thread of its, ${lanes}`, () => {
    const { status, stderr } = thread.launch('races.metal', 'shared_again', `--threads ${lanes} --buffer 4096`);
    assert.notEqual(status, 0);
    assert.match(stderr, /WARNING: ThreadSanitizer: data race/);
  });
}

for (const CIDER_EMULATOR_THREADS of ['1', '2']) {
  for (const lanes of [64, 256]) {
    test(`ThreadSanitizer: across threadgroups of ${lanes} lanes, ${CIDER_EMULATOR_THREADS} threads`, () => {
      const options = `--groups 4 --threads ${lanes} --buffer 4`;
      const { status, stderr } = thread.launch('races.metal', 'across_threadgroups', options, {
        CIDER_EMULATOR_THREADS,
      });
      assert.notEqual(status, 0);
      assert.match(stderr, /WARNING: ThreadSanitizer: data race/);
    });
  }

  for (const [kernel, options] of [
    ['with_barrier', '--groups 6 --threads 64 --buffer 1536'],
    ['with_barrier', '--groups 6 --threads 64 --buffer 1536 --repeat 2'],
    ['with_barrier', '--groups 3 --threads 64 --buffer 768 --repeat 200'],
    ['within_simdgroup', '--threads 64 --buffer 256'],
  ]) {
    test(`ThreadSanitizer: sound ${kernel} ${options}, ${CIDER_EMULATOR_THREADS} threads`, () => {
      const { status, stderr, diagnostics } = thread.launch('races.metal', kernel, options, { CIDER_EMULATOR_THREADS });
      assert.equal(status, 0, stderr);
      assert.equal(diagnostics, 0);
    });
  }
}
