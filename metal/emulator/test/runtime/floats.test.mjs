/** Floats at the edge. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { buildPrograms } from './programs.mjs';

const { launch } = await buildPrograms();
const smallest = 0x00800000;
const half = 0x00400000;
const run = (environment) =>
  launch('floats.metal', 'subnormals', `--buffer 16 --words ${smallest},${half}`, environment).words[0];

test('arithmetic flushes them to zero, before and after; copies do not', () => {
  assert.deepEqual(run({}), [0, 0, 0, half]);
});

test('CIDER_EMULATOR_SUBNORMALS=keep', () => {
  assert.deepEqual(run({ CIDER_EMULATOR_SUBNORMALS: 'keep' }), [half, smallest, smallest, half]);
});

test('fast math, which a host gets if it does not choose, knows no NaN', () => {
  const options = '--buffer 4 --words 0x7fc00000';
  assert.equal(launch('floats.metal', 'is_no_number', options).words[0][0], 1);
  assert.equal(launch('floats.metal', 'is_no_number', `--math fast ${options}`).words[0][0], 0);
});
