import { smoothingFactors } from './smoothing.ts';

export interface AlphaRequest {
  /** Of the inputs, by channel that has a factor. */
  activationAbsmax: Float32Array;
  /** Of the weights that read them, by the same channel. */
  weightAbsmax: Float32Array;
  /**
   * What quantization costs with these factors s on a sample of inputs, with activations by docs/numerics.md section 1 and
   * weights by the scheme in question: see `Calibrator.outputError`.
   */
  outputError: (factors: Float32Array) => Promise<number>;
  /** In ascending order; default `alphas`. */
  grid?: readonly number[];
}

export interface AlphaChoice {
  /** 0: no smoothing. */
  alpha: number;
  factors: Float32Array;
  /** Of each candidate, in their order. */
  errors: readonly { alpha: number; error: number }[];
}

/** 0, 0.2, 0.3 … 0.9: what is chosen lies between in practice. */
export const alphas: readonly number[] = [0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/**
 * The alpha of a grid whose factors give the least output error; ties go to the smaller one. Alpha 0, which is always
 * among the candidates, stands for no smoothing: all factors are 1 (by the formula it would move all of the weights'
 * difficulty to the activations). An error that is no number loses to any other.
 */
export async function chooseAlpha(request: AlphaRequest): Promise<AlphaChoice> {
  const { activationAbsmax, weightAbsmax, outputError, grid = alphas } = request;
  const ones: Float32Array = new Float32Array(activationAbsmax.length).fill(1);
  let best = { alpha: 0, factors: ones, error: Infinity };
  const errors: { alpha: number; error: number }[] = [];
  for (const alpha of [0, ...grid.filter((each) => each !== 0)]) {
    const factors = alpha === 0 ? ones : smoothingFactors(activationAbsmax, weightAbsmax, alpha);
    const error = await outputError(factors);
    errors.push({ alpha, error });
    if (error < best.error) best = { alpha, factors, error };
  }
  return { alpha: best.alpha, factors: best.factors, errors };
}
