import type { Backend, DecodeMode } from '../kernels/backend.ts';
import { median, takeSamples, type SampleOptions } from '../kernels/bench/samples.ts';
import { Random } from '../kernels/verify/random.ts';
import type { StoredModel } from '../quant/checkpoint/stored-model.ts';
import type { Configuration } from './model/configurations.ts';
import { loadModel } from './model/load.ts';
import type { DecoderModel } from './model/model.ts';

/** How fast a configuration reads a prompt, or writes after one. */
export interface SpeedRow {
  config: string;
  phase: 'prefill' | 'decode';
  /** Length of the prompt. */
  tokens: number;
  tokensPerSecond: number;
  /** Of a whole prompt, or of one token each. */
  samplesNs: number[];
}

export interface SpeedRequest extends SampleOptions {
  model: StoredModel;
  configurations: readonly Configuration[];
  /** Lengths of prompts. */
  tokens: readonly number[];
  /** How integer weights multiply the single rows of decoding. */
  decode: DecodeMode;
}

export interface SpeedHooks {
  signal: AbortSignal;
  onRow: (row: SpeedRow) => void;
}

/** Tokens that are generated after each prompt, besides those of the warm-up. */
export const DECODE_STEPS = 32;

/** Which tokens they are does not matter for speed. */
const SEED = 1;

/** Times prefill and decoding of each configuration after prompts of each length. */
export async function measureSpeed(request: SpeedRequest, backend: Backend, hooks: SpeedHooks): Promise<SpeedRow[]> {
  const { model: stored, configurations } = request;
  const rows: SpeedRow[] = [];
  for (const configuration of configurations) {
    const model = await loadModel(stored, backend, configuration);
    try {
      for (const tokens of request.tokens) {
        const prompt = randomTokens(tokens, stored.config.vocabSize);
        const prefill = await timePrefill(model, prompt, request, hooks.signal);
        const decode = await timeDecode(model, prompt, request, hooks.signal);
        for (const row of [
          speedRow(configuration.name, 'prefill', tokens, tokens, prefill),
          speedRow(configuration.name, 'decode', tokens, 1, decode),
        ]) {
          rows.push(row);
          hooks.onRow(row);
        }
      }
    } finally {
      model.close();
    }
  }
  return rows;
}

function speedRow(
  config: string,
  phase: SpeedRow['phase'],
  tokens: number,
  tokensPerSample: number,
  samplesNs: number[],
): SpeedRow {
  return { config, phase, tokens, tokensPerSecond: (1e9 * tokensPerSample) / median(samplesNs), samplesNs };
}

const timePrefill = (
  model: DecoderModel,
  prompt: Int32Array,
  options: SampleOptions,
  signal: AbortSignal,
): Promise<number[]> =>
  takeSamples(
    async () => {
      const sequence = model.startSequence(prompt.length);
      try {
        await sequence.prefill(prompt);
      } finally {
        sequence.close();
      }
    },
    options,
    signal,
  );

async function timeDecode(
  model: DecoderModel,
  prompt: Int32Array,
  { decode, warmup }: SpeedRequest,
  signal: AbortSignal,
): Promise<number[]> {
  const sequence = model.startSequence(prompt.length + warmup + DECODE_STEPS, { decode });
  try {
    await sequence.prefill(prompt);
    const step = (index: number): Promise<Float32Array> => sequence.decodeStep(prompt[index % prompt.length]);
    return await takeSamples(step, { warmup, repetitions: DECODE_STEPS }, signal);
  } finally {
    sequence.close();
  }
}

function randomTokens(count: number, vocabSize: number): Int32Array {
  const random = new Random(SEED);
  return Int32Array.from({ length: count }, () => random.below(vocabSize));
}
