import type { DecodeMode, SampleOptions } from '../../kernels/backend.ts';
import { Random } from '../../kernels/verify/random.ts';
import type { DecoderModel } from '../model/model.ts';
import type { DecoderSequence } from '../model/sequence.ts';

/** How the next token is chosen among the likely ones. */
export interface Sampling extends Omit<SampleOptions, 'random'> {
  /** The same seed gives the same text, on the same backend. */
  seed: number;
}

export interface GenerationRequest {
  /** Of the prompt; at least one. */
  tokenIds: Int32Array;
  /** New ones at most; at least one. */
  maxTokens: number;
  /** A token of these ends the text, and is no part of it. */
  stopTokens: ReadonlySet<number>;
  sampling: Sampling;
  decode: DecodeMode;
}

export interface GenerationHooks {
  signal: AbortSignal;
  onToken: (id: number) => void;
}

export interface Generation {
  /** New ones, without that which ended the text. */
  tokenIds: readonly number[];
  finishReason: 'stop' | 'length' | 'interrupted';
  /** Which ended the text, if one did. */
  stopToken: number | null;
  timings: GenerationTimings;
}

/** A speed is null where nothing was timed. */
export interface GenerationTimings {
  /** Until the first new token. */
  prefillSeconds: number;
  prefillTokensPerSecond: number | null;
  /** For the new tokens after the first. */
  decodeSeconds: number;
  decodeTokensPerSecond: number | null;
}

/**
 * Tokens of the prompt in one pass. A longer prompt comes in pieces, so that memory does not grow with it and a signal
 * gets through between them.
 */
const PIECE = 512;

/** Writes on after a prompt, token by token. When the signal is aborted it stops, and what there is remains. */
export async function generate(
  model: DecoderModel,
  request: GenerationRequest,
  { signal, onToken }: GenerationHooks,
): Promise<Generation> {
  const { tokenIds: prompt, maxTokens, stopTokens, sampling, decode } = request;
  const random = new Random(sampling.seed);
  const next = (tokens: Int32Array): Promise<number> =>
    sequence.nextToken(tokens, { ...sampling, random: random.uniform() });
  const tokenIds: number[] = [];
  const clock = new Stopwatch();
  // The last new token is never read.
  const sequence = model.startSequence(prompt.length + maxTokens - 1, { decode });
  const result = (finishReason: Generation['finishReason'], stopToken: number | null = null): Generation => ({
    tokenIds,
    finishReason,
    stopToken,
    timings: clock.timings(prompt.length),
  });
  try {
    const last = await appendAllButLast(sequence, prompt, signal);
    if (!last) return result('interrupted');
    let token = await next(last);
    clock.prefillEnds();
    for (;;) {
      if (stopTokens.has(token)) return result('stop', token);
      tokenIds.push(token);
      onToken(token);
      if (tokenIds.length === maxTokens) return result('length');
      if (signal.aborted) return result('interrupted');
      token = await next(Int32Array.of(token));
      clock.stepEnds();
    }
  } finally {
    sequence.close();
  }
}

/** @returns the last piece of the prompt, or nothing if the signal was aborted before it */
async function appendAllButLast(
  sequence: DecoderSequence,
  prompt: Int32Array,
  signal: AbortSignal,
): Promise<Int32Array | undefined> {
  // Of equal length, as a piece of a single token would be multiplied as in decoding.
  const pieces = Math.ceil(prompt.length / PIECE);
  const boundary = (piece: number): number => Math.floor((piece * prompt.length) / pieces);
  for (let piece = 0; piece < pieces - 1; piece++) {
    if (signal.aborted) return undefined;
    await sequence.append(prompt.subarray(boundary(piece), boundary(piece + 1)));
  }
  return signal.aborted ? undefined : prompt.subarray(boundary(pieces - 1));
}

/** Seconds of the two phases. */
class Stopwatch {
  readonly #start = performance.now();
  #prefillEnd: number | undefined;
  #end = this.#start;
  #steps = 0;

  prefillEnds(): void {
    this.#prefillEnd = this.#end = performance.now();
  }

  stepEnds(): void {
    this.#end = performance.now();
    this.#steps++;
  }

  timings(promptTokens: number): GenerationTimings {
    const prefillSeconds = ((this.#prefillEnd ?? performance.now()) - this.#start) / 1000;
    const decodeSeconds = this.#prefillEnd === undefined ? 0 : (this.#end - this.#prefillEnd) / 1000;
    return {
      prefillSeconds,
      prefillTokensPerSecond: this.#prefillEnd === undefined ? null : promptTokens / prefillSeconds,
      decodeSeconds,
      decodeTokensPerSecond: this.#steps === 0 ? null : this.#steps / decodeSeconds,
    };
  }
}
