import { Random } from '../../kernels/verify/random.ts';
import type { DecoderModel } from '../model/model.ts';
import { calibrationText, type CalibrationShape, type CalibrationText } from './calibration-text.ts';

export interface SelfTextRequest extends CalibrationShape {
  /** The same seed gives the same text, on the same backend. */
  seed: number;
  /** Each window starts with it: a BOS. Models that have none start with a token by chance. */
  start: number | undefined;
}

export interface SelfTextHooks {
  signal: AbortSignal;
  /** Tokens written so far, and in the end. */
  onProgress: (done: number, total: number) => void;
}

/** The name of such a text, for users. */
export const SELF = 'self';

/** Windows that are written together: sixteen make the reading of weights cheap, and need little memory. */
const BATCH = 16;

/**
 * Lets a float model write the text that it is calibrated with, at temperature 1: what it says most is then what matters
 * most, and no dataset is needed. Ends of a text are tokens as any other.
 *
 * @throws InputError `E_NON_FINITE_LOGITS`; the reason of the signal
 */
export async function writeSelfText(
  model: DecoderModel,
  request: SelfTextRequest,
  { signal, onProgress }: SelfTextHooks,
): Promise<CalibrationText> {
  const { samples, seqLen, seed, start } = request;
  const random = new Random(seed);
  const first = (): number => start ?? random.below(model.config.vocabSize);
  const windows: Int32Array[] = [];
  while (windows.length < samples) {
    const before = windows.length * seqLen;
    const firsts = Int32Array.from({ length: Math.min(BATCH, samples - windows.length) }, first);
    const onTokens = (done: number): void => {
      signal.throwIfAborted();
      onProgress(before + done * firsts.length, samples * seqLen);
    };
    windows.push(...(await writeTogether(model, firsts, seqLen, random, onTokens)));
  }
  return calibrationText(SELF, windows, seqLen);
}

/** @param onTokens told how many tokens each window has so far */
async function writeTogether(
  model: DecoderModel,
  firsts: Int32Array,
  seqLen: number,
  random: Random,
  onTokens: (done: number) => void,
): Promise<Int32Array[]> {
  const windows = Array.from(firsts, (first) => new Int32Array(seqLen).fill(first, 0, 1));
  // The last token is never read.
  const batch = model.startBatch(firsts.length, Math.max(1, seqLen - 1));
  try {
    let tokens = firsts;
    onTokens(1);
    for (let at = 1; at < seqLen; at++) {
      tokens = await batch.nextTokens(
        tokens,
        windows.map(() => ({ temperature: 1, random: random.uniform() })),
      );
      for (const [window, ids] of windows.entries()) ids[at] = tokens[window];
      onTokens(at + 1);
    }
    return windows;
  } finally {
    batch.close();
  }
}
