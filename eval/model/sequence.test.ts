import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packagePath } from '../../commands/package-path.ts';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { openModel } from '../../quant/checkpoint/open-model.ts';
import { parseConfiguration } from './configurations.ts';
import { loadModel } from './load.ts';
import type { DecoderModel } from './model.ts';

const tokenIds = Int32Array.from({ length: 24 }, (_, i) => (i * i * 7 + 3) % 50);

let model: DecoderModel;

beforeAll(async () => {
  const stored = openModel(packagePath('fixtures/tiny-qwen3'));
  model = await loadModel(stored, openReferenceBackend(), parseConfiguration('fp16'));
  stored.close();
});

afterAll(() => {
  model.close();
});

/** Logits after each token, as one pass computes them. */
async function onePass(): Promise<(token: number) => number[]> {
  const logits = await model.logits(tokenIds);
  const { vocabSize } = model.config;
  return (token) => Array.from(logits.subarray(token * vocabSize, (token + 1) * vocabSize));
}

/** The same float operations on the reference, whose sums do not depend on the number of rows. */
function expectEqualLogits(actual: Float32Array, expected: number[]): void {
  expect(Array.from(actual)).toEqual(expected);
}

describe('DecoderSequence', () => {
  it('agrees with one pass, token by token', async () => {
    const expected = await onePass();
    const sequence = model.startSequence(tokenIds.length);
    for (const [token, id] of tokenIds.entries()) expectEqualLogits(await sequence.decodeStep(id), expected(token));
    expect(sequence.length).toBe(tokenIds.length);
    sequence.close();
  });

  it('agrees with one pass in pieces of any length, other calls between them', async () => {
    const expected = await onePass();
    const sequence = model.startSequence(64);
    let end = 0;
    for (const length of [5, 1, 11, 7]) {
      const logits = await sequence.prefill(tokenIds.subarray(end, end + length));
      end += length;
      expectEqualLogits(logits, expected(end - 1));
      await model.logits(tokenIds.subarray(3, 9));
    }
    sequence.close();
  });

  it('keeps two sequences apart', async () => {
    const expected = await onePass();
    const [first, second] = [model.startSequence(8), model.startSequence(8)];
    await second.prefill(tokenIds.subarray(9, 12));
    await first.prefill(tokenIds.subarray(0, 3));
    await second.decodeStep(1);
    expectEqualLogits(await first.decodeStep(tokenIds[3]), expected(3));
    first.close();
    second.close();
  });

  it('picks tokens as their logits say, without handing the logits out', async () => {
    const expected = await onePass();
    const sequence = model.startSequence(tokenIds.length);
    await sequence.append(tokenIds.subarray(0, 5));
    const greedy = await sequence.nextToken(tokenIds.subarray(5, 9), { temperature: 0, random: 0 });
    const logits = expected(8);
    expect(greedy).toBe(logits.indexOf(Math.max(...logits)));
    const one = await sequence.nextToken(tokenIds.subarray(9, 10), { temperature: 1, topK: 2, random: 0.999 });
    const [, second] = expected(9).toSorted((a, b) => b - a);
    expect(one).toBe(expected(9).indexOf(second));
    expect(sequence.length).toBe(10);
    sequence.close();
  });

  it('quantizes the activations of single tokens when it is told to', async () => {
    const stored = openModel(packagePath('fixtures/tiny-qwen3'));
    const quantized = await loadModel(stored, openReferenceBackend(), parseConfiguration('w8a8'));
    stored.close();
    const expected = await quantized.logits(tokenIds.subarray(0, 4));
    const last = expected.subarray(-quantized.config.vocabSize);
    const integer = quantized.startSequence(4, { decode: 'w8a8' });
    const float = quantized.startSequence(4, { decode: 'w8a16' });
    for (const sequence of [integer, float]) {
      for (const id of tokenIds.subarray(0, 3)) await sequence.append(Int32Array.of(id));
    }
    // Of several tokens activations are always quantized: only so does one token at a time give the same bits.
    expect(await integer.decodeStep(tokenIds[3])).toEqual(last);
    expect(await float.decodeStep(tokenIds[3])).not.toEqual(last);
    quantized.close();
  });

  it('refuses no tokens, too many, strange ones, and any after its end', async () => {
    const sequence = model.startSequence(4);
    await expect(sequence.prefill(new Int32Array(0))).rejects.toThrow('no tokens');
    await expect(sequence.prefill(tokenIds.subarray(0, 5))).rejects.toThrow("5 tokens are more than the sequence's 4");
    await expect(sequence.decodeStep(-1)).rejects.toMatchObject({ code: 'E_TOKEN_ID' });
    sequence.close();
    sequence.close();
    await expect(sequence.decodeStep(1)).rejects.toThrow('closed');
  });
});
