/**
 * The contract between a model and the machine that runs it.
 *
 * Tensors are opaque handles to memory that the backend owns; TypeScript holds only their shape. All activations are
 * f32, row-major `[rows, columns]`; the arithmetic of the quantized layers is the normative one of docs/numerics.md,
 * so that every backend gives the same bits for W8A8 and W4A8.
 *
 * The operations that take long (`linear`, `attention`, `crossEntropy`, `divergence`) return promises so that a signal gets through
 * between their pieces; the others finish before they return. Arguments that do not fit throw a `RangeError`. Calls
 * follow one another: the promise of one is awaited before the next call.
 */

import type { WeightSource } from './weight-kinds.ts';

export type * from './weight-kinds.ts';

/** f32 `[rows, columns]` in memory of the backend. */
export interface Tensor {
  readonly rows: number;
  readonly columns: number;
}

/** A weight matrix `[N, K]` ([out_features, in_features]), prepacked into the layout of the backend. */
export interface Weight {
  readonly outFeatures: number;
  readonly inFeatures: number;
  /** Bytes that codes, scales and biases take in their stored form, for the table that `eval-ppl` prints. */
  readonly bytes: number;
}

/** Keys and values of earlier positions of one layer. */
export interface KvCache {
  readonly capacity: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Positions filled so far; `attention` advances it. */
  readonly length: number;
}

export interface EmbeddingOptions {
  /** What the rows are multiplied by; default 1. */
  scale?: number;
}

export interface RmsNormOptions {
  epsilon: number;
}

export interface RopeOptions {
  headDim: number;
  /** Position of the first row; row r stands at `firstPosition + r`. */
  firstPosition: number;
  /** Angle per position of each pair (i, i + headDim/2): `[headDim / 2]`, scaling of long contexts included. */
  inverseFrequencies: Float32Array;
  /** cos and sin are multiplied by it (1 but for yarn). */
  attentionFactor: number;
}

export interface AttentionOptions {
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Usually 1 / sqrt(headDim). */
  scale: number;
  /** Bound of the scaled scores s, which become softCap · tanh(s / softCap); none: they stay as they are. */
  softCap?: number | undefined;
  /** A query at position p sees the keys p - slidingWindow + 1 … p; none: all keys up to p. */
  slidingWindow?: number | undefined;
}

/** How a single row is multiplied: docs/numerics.md section 5. Several rows always quantize their activations. */
export const decodeModes = ['w8a16', 'w8a8'] as const;
export type DecodeMode = (typeof decodeModes)[number];

export interface LinearOptions {
  decode?: DecodeMode;
}

export interface CrossEntropyOptions {
  /** Bound of the logits, as `softCap` has it; none: they stay as they are. */
  softCap?: number | undefined;
}

/** One row after the other, of two models: how far the first is from the second. */
export interface Divergence {
  /** KL divergence in nats: Σ p · ln(p / q) with p of the second model and q of the first. */
  divergences: Float64Array;
  /** 1 where the largest logits of both have the same index (of equal ones the smallest), else 0. */
  sameTop: Uint8Array;
}

export interface DivergenceOptions extends CrossEntropyOptions {
  /** Rows before it are left out; default 0. */
  firstRow?: number;
}

export interface SampleOptions {
  temperature: number;
  topK?: number;
  topP?: number;
  /** Uniform number in [0, 1) that selects the token, so that the caller owns the random state. */
  random: number;
}

export interface BackendInfo {
  /** `reference`, `cpu` or `metal`. */
  name: string;
  /** Instruction set or GPU family in use; `typescript` for the reference. */
  isa: string;
  threads: number;
}

export interface Backend {
  readonly info: BackendInfo;

  /** A zeroed tensor. */
  allocate(rows: number, columns: number): Tensor;
  /** A tensor with a copy of `values`, `[rows, columns]`. */
  upload(rows: number, columns: number, values: Float32Array): Tensor;
  /** A copy of the values, in `into` if it is given, which has as many elements. */
  download(tensor: Tensor, into?: Float32Array): Float32Array;
  /** The same memory under another shape, for norms and rotations that work on heads. Not released by itself. */
  view(tensor: Tensor, rows: number, columns: number): Tensor;
  /** Takes the arrays of `source` over: the caller must not write to them again. */
  loadWeight(source: WeightSource): Weight;
  createKvCache(capacity: number, kvHeads: number, headDim: number): KvCache;
  /** Gives memory back early; handles left over go with the backend. */
  release(handle: Tensor | Weight | KvCache): void;
  close(): void;

  /** `out[i, :] = table[tokenIds[i], :] · scale`. */
  embedding(out: Tensor, table: Weight, tokenIds: Int32Array, options?: EmbeddingOptions): void;
  /** `out = x / sqrt(mean(x²) + epsilon) · gain`, row by row; gain is `[1, columns]`. `out` may be `x`. */
  rmsNorm(out: Tensor, x: Tensor, gain: Tensor, options: RmsNormOptions): void;
  /** Rotates each head of x in place, halves against each other as Hugging Face's layout has them. */
  rope(x: Tensor, options: RopeOptions): void;
  /** Causal grouped-query attention of new rows; k and v are appended to the cache first. `[rows, heads · headDim]`. */
  attention(out: Tensor, q: Tensor, k: Tensor, v: Tensor, cache: KvCache, options: AttentionOptions): Promise<void>;
  /** `out = gate · sigmoid(gate) · up`. `out` may be either. */
  siluMul(out: Tensor, gate: Tensor, up: Tensor): void;
  /**
   * `out = gelu(gate) · up` with `gelu(x) = x / 2 · (1 + tanh(sqrt(2 / π) · (x + 0.044715 · x³)))`, the approximation
   * of arXiv 1606.08415 that PyTorch names `tanh`. `out` may be either.
   */
  geluTanhMul(out: Tensor, gate: Tensor, up: Tensor): void;
  /** `out = a + b`. `out` may be either. */
  add(out: Tensor, a: Tensor, b: Tensor): void;
  /** `x = cap · tanh(x / cap)`, in place; cap is positive. */
  softCap(x: Tensor, cap: number): void;
  /** `out[m, n] = Σ_k x[m, k] · W[n, k] + bias[n]` with the arithmetic that the weight's kind asks for. */
  linear(out: Tensor, x: Tensor, weight: Weight, options?: LinearOptions): Promise<void>;
  /** Codes `[M, K]` and scales `[M]` of docs/numerics.md section 1. */
  quantizePerToken(x: Tensor): { codes: Int8Array; scales: Float32Array };
  /** `acc[m, n] = Σ_k a[m, k] · b[n, k]`, exact; a is `[m, k]`, b is `[n, k]`, -128 allowed, k ≤ 131071. */
  matmulInt8(a: Int8Array, b: Int8Array, m: number, n: number, k: number): Int32Array;
  /**
   * Negative log-likelihood in nats of `targets[i]` after row i: log Σ_v exp(logit_v) - logit_target with
   * `logits = x · headᵀ`, over chunks of rows, so that no `[rows, vocabulary]` matrix exists. A target of -1 gives 0.
   */
  crossEntropy(x: Tensor, head: Weight, targets: Int32Array, options?: CrossEntropyOptions): Promise<Float64Array>;
  /**
   * How far the distributions softmax(x · headᵀ) are from softmax(baseX · baseHeadᵀ), row by row and over chunks of rows
   * as in `crossEntropy`. The sums are f64.
   */
  divergence(
    x: Tensor,
    head: Weight,
    baseX: Tensor,
    baseHead: Weight,
    options?: DivergenceOptions,
  ): Promise<Divergence>;
  /** Index of the largest logit of each row of `[rows, vocabulary]`; ties go to the smaller index. */
  argmax(logits: Tensor): Int32Array;
  /** One token from the last row of `[rows, vocabulary]`. */
  sample(logits: Tensor, options: SampleOptions): number;
}
