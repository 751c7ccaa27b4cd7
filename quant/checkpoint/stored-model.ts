import type { StoredCodes as CodesInFile, StoredFloats } from '../../kernels/weight-kinds.ts';
import type { Checkpoint, CheckpointFile } from './checkpoint.ts';
import type { ModelConfig } from './hf-config.ts';
import type { WeightDtype } from './weight-dtype.ts';

/** What a checkpoint keeps its weights in. */
export type ModelFormat = 'float' | 'compressed-tensors' | 'mlx' | 'gguf';

/**
 * A model as a checkpoint of any format holds it, seen in the layout of Hugging Face's float checkpoints: tensors have
 * the names, shapes and order of rows that `modelTensors(config)` has. Nothing is read but headers until it is asked for.
 */
export interface StoredModel {
  readonly format: ModelFormat;
  /** Path that was opened: a folder, or a file. */
  readonly path: string;
  /** Of the model as floats; a format without config.json has one made from its own metadata. */
  readonly config: ModelConfig;
  /** How the weights are quantized, in the words of its own format: `w4a8, groups of 64`; undefined for floats. */
  readonly scheme: string | undefined;
  /** The same as one word for the row of a table (`w4a8-g64`, `mlx-q4-g64`, `gguf-Q4_K`); undefined for floats. */
  readonly rowName: string | undefined;
  /** Files that hold tensors, sorted by name. */
  readonly files: readonly CheckpointFile[];
  /** Every tensor of `modelTensors(config)`, checked against it; then what else the checkpoint holds, if it is float. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** config.json, tokenizer.json and whatever else stands beside weights. */
  readonly documents: ModelDocuments;
  /** The safetensors files as they are, for those who read or copy bytes; undefined for other files. */
  readonly checkpoint?: Checkpoint | undefined;
  readonly warnings: readonly string[];
  /** @throws InputError `E_FILE_CHANGED` if a file is not what it was when it was opened */
  checkUnchanged(): void;
  /** Nothing can be read afterwards. */
  close(): void;
}

/** Small files of a model, wherever they come from: a folder, or metadata of a weight file. */
export interface ModelDocuments {
  /** Names, sorted. */
  readonly names: readonly string[];
  /** @returns undefined if there is none; @throws InputError `E_FILE_TOO_LARGE` above `maxBytes` */
  read(name: string, maxBytes: number): Uint8Array | undefined;
}

/** One tensor of the float layout, as it is stored. */
export interface StoredTensor {
  /** Name in the float layout: `model.layers.0.mlp.up_proj.weight`. */
  readonly name: string;
  /** `[N, K]` for weights, whatever is stored for it. */
  readonly shape: readonly number[];
  /** For people: `BF16`, `int4 g64`, `Q4_K`. */
  readonly stored: string;
  /** Basename of the file that holds its values or codes. */
  readonly file: string;
  /** All that stands for it: values, or codes and scales. */
  readonly bytes: number;
  /** What its values are written in as floats: their own dtype, or that of the scales. */
  readonly dtype: WeightDtype;
  /** There if the weight is quantized to groups of codes. */
  readonly codes: StoredCodes | undefined;
  /** Values where they stand, in `dtype` and row-major, for backends that map files; undefined for anything else. */
  readonly inFile?: StoredFloats | undefined;
  /**
   * All values by the rule of their own format, in f32, row-major; the caller owns the array.
   *
   * @throws InputError for scales and codes that cannot be; as `Checkpoint.readFloats`
   */
  readFloats(): Float32Array;
}

/** A quantized weight `[N, K]` whose codes were not read yet. */
export interface StoredCodes {
  /** `symmetric`: w = scale · code. `affine`: w = scale · code + bias. */
  readonly kind: 'symmetric' | 'affine';
  readonly bits: 2 | 3 | 4 | 5 | 6 | 8;
  /** Consecutive k that share a scale; 0 = one scale a row. */
  readonly groupSize: number;
  /** Whether the model is meant to quantize activations per token to int8 before this layer. */
  readonly quantizesActivations: boolean;
  /**
   * False where the float values are not just those of `read()` by the formula of its kind, to the bit: rounding in the
   * dtype of the scales, or of a bias that stands for a zero point. Whether such codes may be stored in another format is
   * for `canRepack` to say.
   */
  readonly exact: boolean;
  /** Codes where they stand, for backends that map files; undefined where no backend knows the layout. */
  readonly inFile?: CodesInFile<Int8Array> | CodesInFile<Uint8Array> | undefined;
  /** What `read` gives but for the codes; there if `inFile` is. @throws InputError for scales that cannot be */
  readonly readScales?: (() => ReadScales) | undefined;
  /** @throws InputError for codes or scales that cannot be */
  read(): ReadCodes;
}

export interface ReadScales {
  scales: Float32Array;
  /** Of affine codes. */
  biases?: Float32Array;
}

/** Scales (and biases) are `[N, ceil(K / groupSize)]` in f32. */
export type ReadCodes =
  | { kind: 'symmetric'; codes: Int8Array; scales: Float32Array }
  | { kind: 'affine'; codes: Uint8Array; scales: Float32Array; biases: Float32Array };
