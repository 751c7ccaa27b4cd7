import { describe, expect, it } from 'vitest';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { randomModel, smallConfig } from '../../testing/random-model.ts';
import { loadFloatModel } from '../calibration/load-float-model.ts';

describe('DecoderBatch', () => {
  it.each<[string, Record<string, unknown>]>([
    ['llama', {}],
    ['qwen3, with norms of heads', { model_type: 'qwen3' }],
    ['gemma2, with windows and bounds', { model_type: 'gemma2', sliding_window: 2, final_logit_softcapping: 2 }],
  ])('continues each text of %s as if it were alone', async (_, members) => {
    const backend = openReferenceBackend();
    const model = await loadFloatModel(randomModel(smallConfig(members), 4), backend);
    const options = [0.1, 0.5, 0.93].map((random) => ({ temperature: 1, random }));
    const batch = model.startBatch(3, 5);
    const together: Int32Array[] = [Int32Array.of(3, 7, 7)];
    for (let at = 0; at < 5; at++) together.push(await batch.nextTokens(together[at], options));
    batch.close();
    for (const [text, option] of options.entries()) {
      const sequence = model.startSequence(5);
      const alone = [together[0][text]];
      for (let at = 0; at < 5; at++) alone.push(await sequence.nextToken(Int32Array.of(alone[at]), option));
      sequence.close();
      expect(together.map((tokens) => tokens[text])).toEqual(alone);
    }
    model.close();
  });

  it('ends where its memory ends', async () => {
    const model = await loadFloatModel(randomModel(smallConfig(), 4), openReferenceBackend());
    const batch = model.startBatch(1, 1);
    const options = [{ temperature: 1, random: 0 }];
    await batch.nextTokens(Int32Array.of(1), options);
    await expect(batch.nextTokens(Int32Array.of(1), options)).rejects.toThrow(RangeError);
    batch.close();
    model.close();
  });
});
