import type { Llama3Scaling } from '../rope-config.ts';

/**
 * Largest relative difference of a factor that is made again. Factors are f32 after some ten roundings, of which the
 * inverse magnifies those near the low band by as much as the scaling itself, 32 in use: 2^-24 · 10 · 32 is 2^-16.
 * Parameters that differ in their third digit give factors that differ by more than 2^-11.
 */
const TOLERANCE = 2 ** -16;

/** What all published models of this kind have, but for the factor. */
const USUAL = { lowFrequencyFactor: 1, highFrequencyFactor: 4, originalMaxPositionEmbeddings: 8192 };

/** Multiples of this are what people write: 1, 4, 0.5. */
const STEP = 1 / 64;

/**
 * The scaling of kind `llama3` that divides the frequencies of theta by `factors`: the inverse of what converters write
 * to `rope_freqs.weight`. Any parameters that give all factors again give the same model.
 *
 * Between the bands, 1 / factor is s + (1 - s) / F with s = (original / wavelength - low) / (high - low), a line over
 * 1 / wavelength, from which low / original and high / original follow.
 *
 * @param factors `[headDim / 2]`
 * @returns undefined if there are none
 */
export function findLlama3Scaling(factors: Float32Array, theta: number, headDim: number): Llama3Scaling | undefined {
  const factor = factors.reduce((most, each) => Math.max(most, each), -Infinity);
  if (!Number.isFinite(factor) || factor <= 1) return undefined;
  const turns = Float64Array.from(factors, (_, pair) => theta ** (-(2 * pair) / headDim) / (2 * Math.PI));
  const candidates = [USUAL, solve(factors, turns, factor)].flatMap((found) => found ?? []);
  const found = candidates.find((each) =>
    factors.every((expected, pair) => {
      const made = factorOf(turns[pair], factor, each);
      return Math.abs(made - expected) <= TOLERANCE * expected;
    }),
  );
  return found && { kind: 'llama3', factor, ...found };
}

type Bands = typeof USUAL;

/** By how much a frequency is divided, given in turns per position. */
function factorOf(turns: number, factor: number, bands: Bands): number {
  const { lowFrequencyFactor: low, highFrequencyFactor: high, originalMaxPositionEmbeddings: original } = bands;
  const wavelength = 1 / turns;
  if (wavelength < original / high) return 1;
  if (wavelength > original / low) return factor;
  const smooth = (original / wavelength - low) / (high - low);
  return 1 / ((1 - smooth) / factor + smooth);
}

/** The bands, from the first and the last pair between them, with a low factor of 1. */
function solve(factors: Float32Array, turns: Float64Array, factor: number): Bands | undefined {
  const between = [...factors.keys()].filter((pair) => factors[pair] > 1 && factors[pair] < factor);
  if (between.length < 2) return undefined;
  const [first, last] = [between[0], between[between.length - 1]];
  const smooth = (pair: number): number => (1 / factors[pair] - 1 / factor) / (1 - 1 / factor);
  const slope = (smooth(first) - smooth(last)) / (turns[first] - turns[last]);
  const low = turns[last] - smooth(last) / slope;
  const original = Math.round(1 / low);
  if (!(slope > 0) || !(original >= 1)) return undefined;
  const high = Math.round(((low + 1 / slope) * original) / STEP) * STEP;
  return high > 1
    ? { lowFrequencyFactor: 1, highFrequencyFactor: high, originalMaxPositionEmbeddings: original }
    : undefined;
}
