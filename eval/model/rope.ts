import type { RopeOptions } from '../../kernels/backend.ts';
import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import type { RopeConfig, YarnScaling } from '../../quant/checkpoint/rope-config.ts';

/** A rotation but for the position that it starts at. */
export type Rotation = Omit<RopeOptions, 'firstPosition'>;

/** The rotation of each layer. */
export function rotations({ rope, slidingRope, headDim, slidingWindow }: ModelConfig): readonly Rotation[] {
  const [full, sliding] = [rope, slidingRope].map((each) => ({
    headDim,
    inverseFrequencies: inverseFrequencies(each, headDim),
    attentionFactor: attentionFactor(each),
  }));
  return slidingWindow.map((window) => (window === undefined ? full : sliding));
}

/**
 * Angle per position of each pair (i, i + headDim/2): `[headDim / 2]`, scaling included. Each step is rounded to f32 as
 * in transformers' `modeling_rope_utils.py`: an angle at position p carries p times the error of its frequency.
 */
export function inverseFrequencies(rope: RopeConfig, headDim: number): Float32Array {
  const frequencies = new Float32Array(headDim / 2);
  for (let pair = 0; pair < frequencies.length; pair++) {
    frequencies[pair] = 1 / wavelength(rope.theta, pair, headDim);
  }
  const { scaling } = rope;
  switch (scaling.kind) {
    case 'none':
      return frequencies;
    case 'linear':
      return frequencies.map((frequency) => frequency / scaling.factor);
    case 'llama3': {
      const { factor, lowFrequencyFactor: low, highFrequencyFactor: high } = scaling;
      const original = scaling.originalMaxPositionEmbeddings;
      return frequencies.map((frequency) => {
        const positionsPerTurn = fround(fround(2 * Math.PI) / frequency);
        if (positionsPerTurn < original / high) return frequency;
        if (positionsPerTurn > original / low) return frequency / factor;
        const smooth = fround(fround(fround(original / positionsPerTurn) - low) / (high - low));
        return fround(fround(fround(1 - smooth) * frequency) / factor) + fround(smooth * frequency);
      });
    }
    case 'yarn': {
      const ramp = yarnRamp(scaling, rope.theta, headDim);
      return frequencies.map((frequency, pair) => {
        const interpolated = fround(1 / fround(scaling.factor * wavelength(rope.theta, pair, headDim)));
        const kept = fround(1 - ramp(pair));
        return fround(interpolated * fround(1 - kept)) + fround(frequency * kept);
      });
    }
  }
}

/** What cos and sin are multiplied by: 1 but for yarn, which sharpens attention over a stretched context. */
export function attentionFactor({ scaling }: RopeConfig): number {
  if (scaling.kind !== 'yarn') return 1;
  const { factor, mscale, mscaleAllDim } = scaling;
  if (scaling.attentionFactor !== undefined) return scaling.attentionFactor;
  // Zero means "not given" here, as in transformers.
  return mscale && mscaleAllDim
    ? yarnTemperature(factor, mscale) / yarnTemperature(factor, mscaleAllDim)
    : yarnTemperature(factor, 1);
}

const fround = Math.fround;

/** theta^(2 · pair / headDim) in f32. */
function wavelength(theta: number, pair: number, headDim: number): number {
  return fround(fround(theta) ** fround((2 * pair) / headDim));
}

/** sqrt(1/t) of equation 22 in arXiv 2309.00071. */
function yarnTemperature(factor: number, scale: number): number {
  return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
}

/** 0 for pairs that keep their frequency, 1 for pairs that are interpolated in full, and a line between. */
function yarnRamp(scaling: YarnScaling, theta: number, headDim: number): (pair: number) => number {
  const pairWithTurns = (turns: number) =>
    (headDim * Math.log(scaling.originalMaxPositionEmbeddings / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const round = scaling.truncate ? { down: Math.floor, up: Math.ceil } : { down: Number, up: Number };
  const first = Math.max(round.down(pairWithTurns(scaling.betaFast)), 0);
  const last = Math.min(round.up(pairWithTurns(scaling.betaSlow)), headDim - 1);
  // As in transformers, so that a ramp without length does not divide by zero.
  const length = first === last ? 0.001 : last - first;
  return (pair) => Math.min(Math.max(fround(fround(pair - first) / length), 0), 1);
}
