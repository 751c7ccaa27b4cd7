/** The kernels of planted/ have a bug each; the emulator says what their comments expect. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { buildLauncher } from './launcher.mjs';

const launch = await buildLauncher();

const KERNEL = /^(?:kernel void|KERNEL\()\s*(\w+)[^]*?\/\/ diagnosed: (.*)$/gm;

for (const [file, options] of [
  ['memory', ['--buffer', '64', '--bytes', '8']],
  ['tensors', ['--language', '4.0', '--buffer', '4096', '--buffer', '4096']],
]) {
  const path = fileURLToPath(new URL(`planted/${file}.metal`, import.meta.url));
  for (const [, kernel, text] of readFileSync(path, 'utf8').matchAll(KERNEL)) {
    test(kernel, () => {
      const { stderr, stdout, diagnostics } = launch(path, kernel, options);
      assert.ok(diagnostics > 0, stdout + stderr);
      assert.ok(stderr.includes(text), stderr);
    });
  }
}
