import type { Backend, LinearOptions, Weight } from '../kernels/backend.ts';
import { quantizeWeight, type FloatWeight, type QuantizedWeight, type QuantizeOptions } from './quantize-weight.ts';

/** What both kinds of layers do: integer weights, activations quantized token by token. */
class QuantizedLinear {
  readonly outFeatures: number;
  readonly inFeatures: number;
  /** Bytes of codes, scales and bias in their stored form. */
  readonly bytes: number;
  readonly #backend: Backend;
  readonly #weight: Weight;

  protected constructor(backend: Backend, bits: 8 | 4, { groupSize = 0, ...weight }: QuantizedWeight) {
    this.#backend = backend;
    this.#weight = backend.loadWeight({ kind: 'integer', bits, groupSize, ...weight });
    this.outFeatures = weight.outFeatures;
    this.inFeatures = weight.inFeatures;
    this.bytes = this.#weight.bytes;
  }

  /**
   * `y = x · Wᵀ + bias` for tokens [M, K]. Several tokens give the bits of docs/numerics.md on every backend. A single
   * one is multiplied as float, unless `decode: 'w8a8'` asks for the same as with several.
   *
   * @param x f32 `[M, K]` row by row
   * @returns f32 `[M, N]`
   * @throws RangeError if x does not hold whole rows
   */
  async forward(x: Float32Array, options?: LinearOptions): Promise<Float32Array> {
    const rows = x.length / this.inFeatures;
    if (!Number.isInteger(rows)) throw new RangeError(`${x.length} values are no rows of ${this.inFeatures}`);
    if (rows === 0) return new Float32Array(0);
    const input = this.#backend.upload(rows, this.inFeatures, x);
    const out = this.#backend.allocate(rows, this.outFeatures);
    try {
      await this.#backend.linear(out, input, this.#weight, options);
      return this.#backend.download(out);
    } finally {
      for (const handle of [input, out]) this.#backend.release(handle);
    }
  }

  /** Gives the memory of the weight back; the backend does that as well when it is closed. */
  close(): void {
    this.#backend.release(this.#weight);
  }
}

/** A linear layer with int8 weights and int8 activations. */
export class W8A8Linear extends QuantizedLinear {
  /** Takes the arrays over: they must not be written to again. @throws RangeError if their lengths do not fit */
  constructor(backend: Backend, weight: QuantizedWeight) {
    super(backend, 8, weight);
  }

  /** Quantizes a float weight. @throws NonFiniteWeightError at a NaN or infinity; RangeError */
  static fromWeights(backend: Backend, weight: FloatWeight, options?: QuantizeOptions): W8A8Linear {
    return new W8A8Linear(backend, quantizeWeight(weight, 8, options));
  }
}

/** A linear layer with int4 weights, half the memory, and int8 activations. */
export class W4A8Linear extends QuantizedLinear {
  /** Takes the arrays over: they must not be written to again. @throws RangeError if their lengths do not fit */
  constructor(backend: Backend, weight: QuantizedWeight) {
    super(backend, 4, weight);
  }

  /** Quantizes a float weight. @throws NonFiniteWeightError at a NaN or infinity; RangeError */
  static fromWeights(backend: Backend, weight: FloatWeight, options?: QuantizeOptions): W4A8Linear {
    return new W4A8Linear(backend, quantizeWeight(weight, 4, options));
  }
}
