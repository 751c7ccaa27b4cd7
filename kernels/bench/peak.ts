/** What the units and the memory of a machine give at most, with the instruction set and the threads of a backend. */
export interface MachinePeak {
  /** 10^9 operations on int8 a second; a product and a sum count as two. */
  int8Gops: number;
  /** The same on f32. */
  f32Gops: number;
  /** On bf16, 0 if the instruction set has nothing for it. Layers with float activations split those into two bf16. */
  bf16Gops: number;
  /** 10^9 bytes a second, read from memory. */
  readGBs: number;
}

/** Backends that can measure it. */
export interface PeakMeter {
  /** Takes about four times `seconds`. */
  measurePeak(seconds: number): MachinePeak;
}

/** The largest of each figure; interference only ever makes them smaller. */
export function largestPeak(peaks: readonly MachinePeak[]): MachinePeak | undefined {
  if (peaks.length === 0) return undefined;
  const largest = (figure: keyof MachinePeak): number => Math.max(...peaks.map((peak) => peak[figure]));
  return {
    int8Gops: largest('int8Gops'),
    f32Gops: largest('f32Gops'),
    bf16Gops: largest('bf16Gops'),
    readGBs: largest('readGBs'),
  };
}
