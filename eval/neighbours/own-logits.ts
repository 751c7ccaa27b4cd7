import { generate } from '../generation/generate.ts';
import type { DecoderModel } from '../model/model.ts';

export interface OwnLogits {
  /** The prompt, then what the model goes on with. */
  tokenIds: Int32Array;
  /** How many of them are the prompt's. */
  promptTokens: number;
  /** After each token, computed in one pass: `[tokens, vocabSize]`. */
  logits: Float32Array;
  /** The same without quantization of activations, where the model quantizes them. */
  floatLogits?: Float32Array;
}

/**
 * A sequence of `count` tokens, and what the model says after each: a prompt, cut if it is longer, and the likeliest
 * tokens after it, whether one of them would end the text or not.
 *
 * @throws InputError `E_NON_FINITE_LOGITS`, `E_TOKEN_ID`; what the signal was aborted with
 */
export async function ownLogits(
  model: DecoderModel,
  prompt: Int32Array,
  count: number,
  signal: AbortSignal,
): Promise<OwnLogits> {
  const start = prompt.subarray(0, count);
  const tokenIds = Int32Array.of(...start, ...(await goOn(model, start, count - start.length, signal)));
  signal.throwIfAborted();
  return { tokenIds, promptTokens: start.length, logits: await model.logits(tokenIds) };
}

async function goOn(
  model: DecoderModel,
  tokenIds: Int32Array,
  maxTokens: number,
  signal: AbortSignal,
): Promise<readonly number[]> {
  if (maxTokens === 0) return [];
  const request = {
    tokenIds,
    maxTokens,
    stopTokens: new Set<number>(),
    sampling: { temperature: 0, seed: 0 },
    decode: 'w8a16',
  } as const;
  const generation = await generate(model, request, { signal, onToken: () => undefined });
  return generation.tokenIds;
}
