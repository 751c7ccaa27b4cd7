/** How far an output of a layer is from that of another model, as signal to noise in dB. */
export interface OutputError {
  /**
   * Median of the tokens, of two in the middle the lower one. Every token counts alike: a few with massive activations
   * hold most of the signal of many models, and would decide a sum. Infinity where nothing differs.
   */
  median: number;
  /** Of all tokens together: 10 · log10(Σ ‖x‖² / Σ ‖y - x‖²). */
  total: number;
}

/** Collects tokens of an output x of one model and y of another. */
export class OutputErrorAccumulator {
  readonly #decibels: number[] = [];
  #signal = 0;
  #noise = 0;

  /** Adds tokens, a row each: both `[tokens, columns]`. Rows of zeros in both say nothing. */
  add(x: Float32Array, y: Float32Array, columns: number): void {
    for (let start = 0; start < x.length; start += columns) {
      const { signal, noise } = energies(x, y, start, start + columns);
      this.#signal += signal;
      this.#noise += noise;
      if (signal !== 0 || noise !== 0) this.#decibels.push(decibels(signal, noise));
    }
  }

  /** NaN without any token that says something. */
  result(): OutputError {
    const sorted = Float64Array.from(this.#decibels).sort();
    return {
      median: sorted.length === 0 ? NaN : sorted[Math.floor((sorted.length - 1) / 2)],
      total: decibels(this.#signal, this.#noise),
    };
  }
}

export interface Energies {
  /** Σ x² */
  signal: number;
  /** Σ (y - x)² */
  noise: number;
}

/** Of the elements from `start` to `end`. */
export function energies(x: Float32Array, y: Float32Array, start = 0, end: number = x.length): Energies {
  let [signal, noise] = [0, 0];
  for (let i = start; i < end; i++) {
    const error = y[i] - x[i];
    signal += x[i] * x[i];
    noise += error * error;
  }
  return { signal, noise };
}

const decibels = (signal: number, noise: number): number => 10 * Math.log10(signal / noise);
