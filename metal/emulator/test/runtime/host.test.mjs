/** What a host does wrong with objects, and with the order of calls. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { buildPrograms } from './programs.mjs';

const { misuse, launch } = await buildPrograms();

for (const [name, text] of [
  ['over_release', /'release' was sent to a deallocated MTLDevice/],
  ['message_to_deallocated', /'contents' was sent to a deallocated MTLBuffer/],
  ['unknown_selector', /-\[MTLDevice newHeapWithDescriptor:\]: unrecognized selector/],
  ['unknown_class_selector', /\+\[NSString stringWithFormat:\]: unrecognized selector/],
  ['unregistered_selector', /'newLibrary' is a string and no registered selector/],
  ['pool_popped_twice', /an autorelease pool was popped that is not in place/],
  ['pooled_object_outlives_pool', /'UTF8String' was sent to a deallocated NSString/],
]) {
  test(`${name} ends the process`, () => {
    const { signal, stderr } = misuse(name);
    assert.equal(signal, 'SIGABRT');
    assert.match(stderr, text);
  });
}

for (const [name, text] of [
  ['autorelease_without_pool', /an object of class NSString was autoreleased with no pool in place/],
  ['encode_after_end', /setComputePipelineState: was sent to an encoder after endEncoding/],
  ['end_twice', /endEncoding was sent to an encoder after endEncoding/],
  ['two_encoders', /the last encoder of the command buffer has not ended/],
  ['commit_while_encoding', /commit: an encoder of the command buffer has not ended/],
  ['encoder_never_ends', /a compute command encoder was released before endEncoding/],
  ['commit_twice', /commit: the command buffer is committed already/],
  ['encode_after_commit', /computeCommandEncoder: the command buffer is committed/],
  ['wait_without_commit', /waitUntilCompleted: the command buffer was not committed/],
  ['dispatch_without_pipeline', /dispatchThreadgroups:threadsPerThreadgroup: no pipeline was set/],
  ['too_many_command_buffers', /64 of the queue exist that are not committed/],
  ['bytes_too_long', /setBytes:length:atIndex: 4097 bytes at 0; at least 1, at most 4096/],
  ['slot_too_high', /setBytes:length:atIndex: index 31; the last is 30/],
  ['offset_behind_buffer', /setBuffer:offset:atIndex: offset 64 of buffer 0 is behind its 64 bytes/],
  ['odd_threadgroup_memory', /setThreadgroupMemoryLength:atIndex: 40 bytes at 0 are no multiple of 16/],
]) {
  test(`${name} is diagnosed`, () => {
    const { status, stderr, diagnostics } = misuse(name);
    assert.equal(status, 0, stderr);
    assert.equal(diagnostics, 1, stderr);
    assert.match(stderr, text);
  });
}

test('a message to nil gives zero', () => {
  assert.equal(misuse('message_to_nil').lines[0], '0 0');
});

test('what is retained outlives its pool', () => {
  const { lines, objects } = misuse('retained_object_outlives_pool');
  assert.equal(lines[0], 'kept');
  assert.equal(objects, 0);
});

test('objects that are not released are counted', () => assert.equal(misuse('leak').objects, 2));

test('results are there when they were waited for, and not before', () => {
  const { lines, diagnostics } = misuse('read_before_wait');
  assert.deepEqual(lines.slice(0, 3), ['0 status 2', '7 status 4', '1']);
  assert.equal(diagnostics, 0);
});

test('a command buffer completes those before it, and keeps what they use', () => {
  const { lines, objects, diagnostics } = misuse('wait_for_a_later_one');
  assert.equal(lines[0], '7 status 4');
  assert.equal(objects, 0);
  assert.equal(diagnostics, 0);
});

test('a queue that is full runs its oldest command buffers', () => {
  const { lines, diagnostics } = misuse('many_committed_command_buffers');
  assert.equal(lines[0], 'status 4');
  assert.equal(diagnostics, 0);
});

for (const [CIDER_EMULATOR_ORDER, digits] of [
  ['forward', '12345'],
  ['backward', '32154'],
]) {
  test(`dispatches of a concurrent encoder, ${CIDER_EMULATOR_ORDER}`, () => {
    assert.equal(misuse('concurrent_dispatches', { CIDER_EMULATOR_ORDER }).lines[0], digits);
  });
}

test('an M5 with macOS 26.5', () => {
  const { lines, objects } = misuse('machine');
  assert.deepEqual(lines.slice(0, 6), [
    'Apple M5 (emulated)',
    'applegpu_g17g',
    '1111',
    'Version 26.5 (Build 25F71)',
    '1100',
    '1 1',
  ]);
  assert.equal(objects, 0);
});

test('an M4 with macOS 15.6', () => {
  const { lines } = misuse('machine', { CIDER_EMULATOR_GPU: 'm4', CIDER_EMULATOR_OS: '15.6' });
  assert.deepEqual(lines.slice(0, 5), [
    'Apple M4 (emulated)',
    'applegpu_g16g',
    '1010',
    'Version 15.6 (Build 24G71)',
    '0000',
  ]);
});

for (const [CIDER_EMULATOR_OS, compiled] of [
  ['14.0', 1],
  ['15.6', 2],
  ['26.5', 3],
  ['27.0', 4],
]) {
  test(`macOS ${CIDER_EMULATOR_OS} refuses later languages`, () => {
    const { lines } = misuse('refused_languages', { CIDER_EMULATOR_OS });
    const outcomes = lines.slice(0, 4).map((line) => line === 'compiled');
    assert.deepEqual(
      outcomes,
      [0, 1, 2, 3].map((i) => i < compiled),
    );
    if (compiled < 4) assert.match(lines[3], /language version 4.1 is not supported on this OS/);
  });
}

test("a source that does not compile gives the compiler's text", () => {
  const { status, stdout } = launch('bindings.metal', 'narrow', '--define MARK=nothing');
  assert.equal(status, 1);
  assert.match(stdout, /bindings\.metal:\d+:\d+: error:/);
});

test('warnings set the error beside a library', () => {
  const { lines } = misuse('warnings');
  assert.equal(lines[0], '1 4');
  assert.match(lines.join('\n'), /program_source:1:2: warning: "be warned"/);
});

test('a function that is not there gives an error', () => {
  const { status, stdout } = launch('bindings.metal', 'nowhere', '');
  assert.equal(status, 1);
  assert.match(stdout, /Function nowhere was not found in the library/);
});

for (const [CIDER_EMULATOR_FAIL, text] of [
  ['compile:where', 'program_source:1:1: error: this source fails, as CIDER_EMULATOR_FAIL asks'],
  ['pipeline:mark', 'Compiler encountered an internal error'],
  ['buffer:1', 'buffer 0'],
  ['command:1', 'Caused GPU Timeout Error (00000002:kIOGPUCommandBufferCallbackErrorTimeout)'],
  ['command:2|buffer:3', 'status 4'],
]) {
  test(`CIDER_EMULATOR_FAIL=${CIDER_EMULATOR_FAIL}`, () => {
    assert.ok(misuse('faults', { CIDER_EMULATOR_FAIL }).lines.includes(text));
  });
}
