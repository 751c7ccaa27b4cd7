/** What a weight holds before a backend packs it. `bias` is `[N]`, added after the product. */
export type WeightSource = DenseWeight | IntegerWeight | AffineWeight;

interface WeightShape {
  outFeatures: number;
  inFeatures: number;
  bias?: Float32Array | undefined;
}

/** Float weights. F16 and BF16 come as their 16-bit patterns and are widened exactly. */
export interface DenseWeight extends WeightShape {
  kind: 'dense';
  dtype: 'F32' | 'F16' | 'BF16';
  data: Float32Array | Uint16Array | StoredFloats;
}

/** Float weights that are in memory. */
export interface LoadedDenseWeight extends DenseWeight {
  data: Float32Array | Uint16Array;
}

/** Elements of a weight that are still in a file, for backends that map it; the others read them. */
export interface Stored<Elements> {
  path: string;
  /** Bytes from the start of the file; of any alignment. */
  offset: number;
  bytes: number;
  /** Throws if the file is not what it was when it was opened and checked. */
  checkUnchanged: () => void;
  read: () => Elements;
}

/** Float weights that are still in a file. */
export type StoredFloats = Stored<Float32Array | Uint16Array>;

/** Codes that are still in a file, `[N, K]`. */
export interface StoredCodes<Elements> extends Stored<Elements> {
  /** One code a byte, or 8 or 4 bits each in 32-bit words, the lowest bits first, each row in words of its own. */
  storage: 'bytes' | 'words';
}

/** Symmetric codes for W8A8 and W4A8: activations are quantized per token before the integer product. */
export interface IntegerWeight extends WeightShape {
  kind: 'integer';
  bits: 8 | 4;
  /** `[N, K]`, one code an element, also at 4 bits (-8 … 7). */
  codes: Int8Array | StoredCodes<Int8Array>;
  /** Consecutive k that share a scale; 0 = one scale a row. The last group of a row may be shorter. */
  groupSize: number;
  /** `[N, ceil(K / groupSize)]`, or `[N]` when `groupSize` is 0. */
  scales: Float32Array;
}

/** Symmetric codes that are in memory. */
export interface LoadedIntegerWeight extends IntegerWeight {
  codes: Int8Array;
}

/** Weight-only codes, `w ≈ scale · code + bias` by group; widened to f32 before a float product. */
export interface AffineWeight extends WeightShape {
  kind: 'affine';
  bits: 8 | 4;
  /** `[N, K]`, one code an element: 0 … 2^bits - 1. */
  codes: Uint8Array | StoredCodes<Uint8Array>;
  groupSize: number;
  /** `[N, ceil(K / groupSize)]`. */
  scales: Float32Array;
  /** `[N, ceil(K / groupSize)]`; not to be confused with the layer's `bias`. */
  biases: Float32Array;
}

/** Weight-only codes that are in memory. */
export interface LoadedAffineWeight extends AffineWeight {
  codes: Uint8Array;
}
