/** The kernels of works/ check what they compute and note the lines of what is wrong: none, in any order of lanes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { buildLauncher } from './launcher.mjs';

const launch = await buildLauncher();

const FAILURES = ['--buffer', '1024'];
const METAL_4 = ['--language', '4.0'];
const TENSORS = [...METAL_4, ...FAILURES, '--buffer', '16384', '--buffer', '16384', '--buffer', '4096'];
const ORDERS = ['forward', 'backward', '7'];
const LAYOUTS = ['m5', 'pre-m5', '1', '2'];

const inOrders = ORDERS.map((order) => ({ CIDER_EMULATOR_ORDER: order }));
const inLayouts = LAYOUTS.map((layout) => ({ CIDER_EMULATOR_LAYOUT: layout }));
const scrambled = [{ CIDER_EMULATOR_LAYOUT: '3' }];

const cases = [
  ['vectors', 'vectors', ['--threads', '1', ...FAILURES]],
  ['numbers', 'numbers', ['--threads', '1', ...FAILURES]],
  ['contraction', 'contraction', ['--threads', '1', '--define', 'ON=1', ...FAILURES]],
  ['contraction', 'contraction', ['--threads', '1', '--define', 'OFF=1', ...FAILURES]],
  ['simdgroup', 'simdgroup', FAILURES, inOrders],
  ['threadgroup', 'shared_variables', ['--threads', '64', '--threadgroup', '1024', ...FAILURES], inOrders],
  ['threadgroup', 'in_template_8', ['--threads', '64', ...FAILURES]],
  ['threadgroup', 'in_template_64', ['--threads', '64', ...FAILURES]],
  ['kernels', 'expanded_3', FAILURES],
  ['kernels', 'other_name', ['--threads', '8,8', '--groups', '2', ...FAILURES, '--bytes', '16'], inOrders],
  ['kernels', 'limited', ['--threads', '64', ...FAILURES]],
  ['kernels', 'scaled_float_2', [...FAILURES, '--buffer', '16']],
  ['kernels', 'scaled_half_4', [...FAILURES, '--buffer', '16']],
  ['kernels', 'specialized', ['--constant', '0=1', ...FAILURES, '--buffer', '16']],
  ['kernels', 'specialized', ['--constant', '0=0', ...FAILURES, '--unbound']],
  ['kernels', 'in_namespace', FAILURES],
  ['tensors', 'int8_products', TENSORS, inLayouts],
  ['tensors', 'int8_products_4', ['--threads', '128', ...TENSORS], inLayouts],
  ['tensors', 'half_products', TENSORS, inLayouts],
  ['tensors', 'mixed_products', ['--threads', '64', ...TENSORS], inLayouts],
  ['tensors', 'modes', TENSORS],
  ['tensors', 'slices', TENSORS],
  ['tensors', 'nibbles', TENSORS],
  ['fragments', 'any_layout', [...METAL_4, ...FAILURES], inLayouts],
  ['fragments', 'apple10', [...METAL_4, ...FAILURES]],
  ['fragments', 'pairs', [...METAL_4, ...FAILURES], [{ CIDER_EMULATOR_LAYOUT: 'pre-m5' }]],
  ['fragments', 'has_invalid_elements', [...METAL_4, ...FAILURES], scrambled],
  ['fragments', 'group_has_invalid_elements', ['--threads', '128', ...TENSORS], inLayouts],
  ['fragments', 'poisoned', [...METAL_4, ...FAILURES], inLayouts],
];

for (const [file, kernel, options, environments = [{}]] of cases) {
  for (const environment of environments) {
    const name = [kernel, ...options.filter((option) => /=/.test(option)), ...Object.values(environment)].join(' ');
    test(name, () => {
      const path = fileURLToPath(new URL(`works/${file}.metal`, import.meta.url));
      const { status, stdout, stderr, words, diagnostics } = launch(path, kernel, options, environment);
      assert.equal(status, 0, stdout + stderr);
      const [count, ...lines] = words[0];
      assert.deepEqual([...new Set(lines.slice(0, count))], [], `lines of ${file}.metal that do not hold`);
      assert.equal(diagnostics, 0, stderr);
    });
  }
}

test('the checks can fail: the table of Apple10 does not hold under other layouts', () => {
  const path = fileURLToPath(new URL('works/fragments.metal', import.meta.url));
  for (const layout of ['pre-m5', '1']) {
    const { words } = launch(path, 'apple10', [...METAL_4, ...FAILURES], { CIDER_EMULATOR_LAYOUT: layout });
    assert.ok(words[0][0] > 0);
  }
});
