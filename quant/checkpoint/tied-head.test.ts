import { describe, expect, it } from 'vitest';
import type { TensorEntry } from './checkpoint.ts';
import { checkTiedHead } from './tied-head.ts';

const entry = (name: string, bytes: number): TensorEntry => ({
  name,
  dtype: 'BF16',
  shape: [bytes / 2],
  bytes,
  file: 'model.safetensors',
  offset: 0,
});

function checkpointOf(contents: Record<string, Uint8Array>): Parameters<typeof checkTiedHead>[1] {
  return {
    tensors: new Map(Object.entries(contents).map(([name, bytes]) => [name, entry(name, bytes.byteLength)])),
    readInto: (tensor, into, byteOffset) => {
      into.set(contents[tensor.name].subarray(byteOffset, (byteOffset ?? 0) + into.byteLength));
    },
  };
}

const [embedding, head] = ['model.embed_tokens.weight', 'lm_head.weight'];
const tied = { tieWordEmbeddings: true };
/** More than one piece of the comparison. */
const large = new Uint8Array(17 * 1024 * 1024).map((_, i) => i % 251);

describe('checkTiedHead', () => {
  it('accepts a head that is absent, a copy, or not tied', () => {
    expect(() => {
      checkTiedHead(tied, checkpointOf({ [embedding]: large }));
      checkTiedHead(tied, checkpointOf({ [embedding]: large, [head]: large.slice() }));
      checkTiedHead({ tieWordEmbeddings: false }, checkpointOf({ [embedding]: large, [head]: new Uint8Array(2) }));
    }).not.toThrow();
  });

  it('refuses a head that differs in its last byte or in size', () => {
    const other = large.slice();
    other[other.length - 1] ^= 1;
    const message = /model.safetensors: lm_head.weight differs from model.embed_tokens.weight/;
    expect(() => {
      checkTiedHead(tied, checkpointOf({ [embedding]: large, [head]: other }));
    }).toThrow(message);
    expect(() => {
      checkTiedHead(tied, checkpointOf({ [embedding]: large, [head]: large.subarray(0, 4) }));
    }).toThrow(message);
  });
});
