import { narrowBf16, narrowF16, widenBf16, widenF16 } from '../../kernels/reference/float-formats.ts';

export type GainDtype = 'F32' | 'F16' | 'BF16';

export interface SmoothedGain {
  /** As the file will hold them: values of the dtype. */
  stored: Float32Array;
  /** What the columns of the weights after the norm are multiplied by: old gain / new gain, so that nothing is lost. */
  columnFactors: Float64Array;
}

export interface GainOptions {
  /** Added to what is stored: 1 for Gemma. */
  offset: number;
  dtype: GainDtype;
}

const roundTo: Readonly<Record<GainDtype, (value: number) => number>> = {
  F32: Math.fround,
  F16: (value) => widenF16(narrowF16(value)),
  BF16: (value) => widenBf16(narrowBf16(value)),
};

/**
 * Gains of a norm divided by factors: `(stored + offset) / factor - offset`, rounded to the dtype. Where that leaves
 * nothing that could be made up for, zero or infinity, the gain stays as it is.
 */
export function smoothGain(stored: Float32Array, factors: Float32Array, { offset, dtype }: GainOptions): SmoothedGain {
  const smoothed = { stored: stored.slice(), columnFactors: new Float64Array(stored.length).fill(1) };
  stored.forEach((value, channel) => {
    const gain = Math.fround(value + offset);
    const factor = factors[channel];
    for (const target of factor === 1 ? [value] : [gain / factor - offset, value]) {
      const rounded = roundTo[dtype](target);
      const columnFactor = gain / Math.fround(rounded + offset);
      if (!Number.isFinite(columnFactor) || columnFactor === 0) continue;
      smoothed.stored[channel] = rounded;
      smoothed.columnFactors[channel] = columnFactor;
      break;
    }
  });
  return smoothed;
}
