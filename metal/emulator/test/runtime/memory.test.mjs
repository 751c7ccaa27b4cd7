/** Memory without a sanitizer: guard zones, patterns, limits, bindings. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { buildPrograms } from './programs.mjs';

const { launch, misuse } = await buildPrograms();

for (const [where, offset] of [
  ['16', 64],
  ['0x3fffc', 1048560],
  ['0xffffffff', -4],
]) {
  test(`a write to word ${where} of 16 is noticed`, () => {
    const { stderr, diagnostics } = launch('memory.metal', 'write_at', `--buffer 64 --words ${where}`);
    assert.equal(diagnostics, 1);
    const first = offset < 0 ? offset + 3 : offset;
    assert.ok(stderr.includes(`at offset ${first} of a buffer of 64 bytes something was written`), stderr);
    assert.ok(stderr.includes('buffer 0 of kernel write_at'), stderr);
  });
}

test('a write within the buffer is fine', () => {
  const { words, diagnostics } = launch('memory.metal', 'write_at', '--buffer 64 --words 15');
  assert.equal(words[0][15], 7);
  assert.equal(diagnostics, 0);
});

test('what is beside a buffer is no number', () => {
  for (const where of ['16', '0xffffffff']) {
    const { words } = launch('memory.metal', 'read_at', `--buffer 64 --words ${where}`);
    assert.equal(words[0][0], 0x7f7f7f7f);
  }
});

test('threadgroup memory is not zero at first', () => {
  const { words } = launch('memory.metal', 'uninitialised', '--buffer 8 --threadgroup 16');
  assert.deepEqual(words[0], [0xcbcbcbcb, 0xcbcbcbcb]);
});

test('threadgroup variables beyond 32 KiB', () => {
  const { stderr, diagnostics } = launch('memory.metal', 'too_much', '--buffer 128');
  assert.equal(diagnostics, 1);
  assert.match(stderr, /40960 bytes of threadgroup memory; at most 32768/);
});

for (const [what, options, text, kernel = 'bound'] of [
  ['an unbound buffer', '--buffer 4 --unbound --bytes 16 --threadgroup 16', 'nothing is bound to buffer 1'],
  ['no threadgroup memory', '--buffer 4 --words 1 --bytes 16', 'threadgroup memory 0 has no length'],
  [
    'threadgroup arguments beyond 32 KiB',
    '--buffer 4 --words 1 --bytes 16 --threadgroup 32768 --threadgroup 16',
    '32784 bytes of threadgroup memory; at most 32768',
  ],
  [
    'a struct that is cut short',
    '--buffer 4 --words 1 --bytes 12 --threadgroup 16',
    "buffer 2 has 12 bytes, the kernel's parameter 16",
  ],
  ['too many threads', '--buffer 8192 --threads 1025', '1025 x 1 x 1 threads in a threadgroup; at most 1024', 'turns'],
  ["more threads than the kernel's own limit", '--buffer 512 --threads 65', 'at most 64', 'narrow'],
  ['an empty grid', '--buffer 512 --groups 1,0,1', 'an empty grid', 'narrow'],
]) {
  test(what, () => {
    const file = kernel === 'turns' ? 'order.metal' : 'bindings.metal';
    const { stderr, diagnostics } = launch(file, kernel, kernel === 'turns' ? `${options} --buffer 4` : options);
    assert.ok(diagnostics > 0, stderr);
    assert.ok(stderr.includes(text), stderr);
  });
}

test('what cannot run makes the command buffer fail', () => {
  const { stdout } = launch('bindings.metal', 'bound', '--buffer 4');
  assert.match(stdout, /Caused GPU Address Fault Error/);
});

test('function constants have the values of the pipeline', () => {
  const options = '--words 0 --words 21 --bytes 16 --threadgroup 16';
  for (const [value, result] of [
    [1, 42],
    [0, 21],
  ]) {
    const { words, diagnostics } = launch('bindings.metal', 'bound', `${options} --constant 0=${value}`);
    assert.equal(words[0][0], result);
    assert.equal(diagnostics, 0);
  }
});

test('macros of the compile options reach the source', () => {
  assert.equal(launch('bindings.metal', 'narrow', '--buffer 4 --threads 1 --define MARK=9').words[0][0], 9);
  assert.equal(launch('bindings.metal', 'narrow', '--buffer 4 --threads 1').words[0][0], 1);
});

test('what a host writes beside a buffer is noticed when it is released', () => {
  const { stderr } = misuse('host_writes_beside_buffer');
  assert.match(stderr, /at offset 20 of a buffer of 20 bytes something was written; noticed when it was released/);
});

test('buffers without a copy begin and end with a page', () => {
  const { lines, diagnostics } = misuse('unaligned_bytes_without_copy');
  assert.deepEqual(lines.slice(0, 3), ['0', '0', '1']);
  assert.equal(diagnostics, 2);
});

test('buffers have a largest length', () => {
  assert.deepEqual(misuse('buffers_at_the_limit').lines.slice(0, 2), ['1', '0']);
});

test('private buffers cannot be looked into', () => {
  assert.equal(misuse('private_buffer_has_no_contents').lines[0], '1');
});
