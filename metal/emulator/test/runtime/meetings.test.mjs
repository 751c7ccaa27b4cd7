/** Barriers and collectives: what is right is let through, what a GPU would hang on or get wrong is said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { buildPrograms } from './programs.mjs';

const { launch } = await buildPrograms();
const meet = (kernel, environment) => launch('meetings.metal', kernel, '--threads 64 --buffer 256', environment);

const orders = ['forward', 'backward', '1', '7'];

for (const CIDER_EMULATOR_ORDER of orders) {
  test(`lanes meet, ${CIDER_EMULATOR_ORDER}`, () => {
    const { words, diagnostics, objects } = meet('mirrored_sum', { CIDER_EMULATOR_ORDER });
    assert.deepEqual([words[0][0], words[0][31], words[0][32], words[0][63]], [1520, 1520, 496, 496]);
    assert.equal(diagnostics, 0);
    assert.equal(objects, 0);
  });

  test(`lanes of a branch meet without the others, ${CIDER_EMULATOR_ORDER}`, () => {
    const { words, diagnostics } = meet('divergent_sum', { CIDER_EMULATOR_ORDER });
    assert.deepEqual([words[0][0], words[0][16], words[0][32]], [32000, 32376, 33520]);
    assert.equal(diagnostics, 0);
  });

  test(`lanes that leave a loop early wait behind it, ${CIDER_EMULATOR_ORDER}`, () => {
    const { words } = meet('sum_in_uneven_loop', { CIDER_EMULATOR_ORDER });
    assert.deepEqual(words[0].slice(0, 4), [32, 3224, 322416, 32241608]);
  });
}

test('several threads of the system share the threadgroups', () => {
  const one = launch('meetings.metal', 'mirrored_sum', '--groups 50 --threads 96 --buffer 19200');
  const four = launch('meetings.metal', 'mirrored_sum', '--groups 50 --threads 96 --buffer 19200', {
    CIDER_EMULATOR_THREADS: '4',
  });
  assert.equal(four.diagnostics, 0);
  assert.equal(one.words[0].length, 4800);
  assert.deepEqual(four.words, one.words);
});

for (const [kernel, text] of [
  ['early_return', 'threadgroup_barrier at meetings.metal:16: 40 lanes of the threadgroup wait, but 24 have returned'],
  [
    'different_barriers',
    'threadgroup_barrier at meetings.metal:26 in divergent code: 32 lanes of the threadgroup wait there, 32 elsewhere',
  ],
  [
    'divergent_simdgroup_barrier',
    'simdgroup_barrier at meetings.metal:32 in divergent code: 16 lanes of the simdgroup wait there, 16 elsewhere',
  ],
  [
    'barrier_in_uneven_loop',
    'threadgroup_barrier at meetings.metal:41: 32 lanes of the threadgroup wait, but 32 have returned',
  ],
]) {
  test(`${kernel} is diagnosed`, () => {
    const { stderr, diagnostics } = meet(kernel);
    assert.ok(diagnostics > 0);
    assert.ok(stderr.includes(text), stderr);
    assert.ok(stderr.includes(`(kernel ${kernel}, threadgroup (0, 0, 0)`), stderr);
  });
}

test('CIDER_EMULATOR_FATAL=1 ends the process', () => {
  assert.equal(meet('early_return', { CIDER_EMULATOR_FATAL: '1' }).signal, 'SIGABRT');
});
