/** In which order lanes run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { buildPrograms } from './programs.mjs';

const { launch } = await buildPrograms();
const count = 80;
const turns = (CIDER_EMULATOR_ORDER) =>
  launch('order.metal', 'turns', '--groups 2 --threads 40 --buffer 320 --buffer 4', { CIDER_EMULATOR_ORDER }).words[0];

const forward = Array.from({ length: count }, (_, i) => i);

test('forward', () => assert.deepEqual(turns('forward'), forward));

test('backward', () => assert.deepEqual(turns('backward'), forward.toReversed()));

test('a seed gives each lane a turn, and always the same', () => {
  const one = turns('1');
  assert.deepEqual(turns('1'), one);
  assert.notDeepEqual(turns('2'), one);
  assert.deepEqual(
    one.toSorted((a, b) => a - b),
    forward,
  );
});

test('another word is refused', () => {
  const { signal, stderr } = launch('order.metal', 'turns', '--buffer 4 --buffer 4', {
    CIDER_EMULATOR_ORDER: 'upwards',
  });
  assert.equal(signal, 'SIGABRT');
  assert.match(stderr, /CIDER_EMULATOR_ORDER is 'upwards'; expected forward, backward or a number/);
});
