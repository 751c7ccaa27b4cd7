import type { LoadedIntegerWeight } from '../../kernels/weight-kinds.ts';
import { storageFormat, weightBits, type QuantizedLinear } from '../checkpoint/compressed-tensors.ts';
import { packCodes } from '../checkpoint/packing.ts';
import type { Clip, WeightScheme } from '../schemes/scheme.ts';
import type { PlannedTensor, QuantizedTensor } from './plan.ts';
import type { TensorWriter } from './tensor-writer.ts';

/** Codes and scales of a linear layer, as `IntegerWeight` has them. */
export type LinearCodes = Pick<LoadedIntegerWeight, 'codes' | 'scales'>;

/** A linear layer that is to be quantized. */
export interface PlannedLinear extends QuantizedLinear {
  module: string;
  rows: number;
  columns: number;
  scheme: WeightScheme;
}

/** Writes the quantized layers of a conversion in the form that its plan gives them. */
export class LinearWriter {
  readonly #writer: TensorWriter;
  readonly #tensors = new Map<string, QuantizedTensor>();
  readonly #clip: Clip;

  constructor(tensors: readonly PlannedTensor[], clip: Clip, writer: TensorWriter) {
    this.#writer = writer;
    this.#clip = clip;
    for (const tensor of tensors) {
      if (tensor.kind === 'quantize') this.#tensors.set(tensor.source.name, tensor);
    }
  }

  /** Paths of all layers that are to be quantized. */
  get modules(): readonly string[] {
    return [...this.#tensors.keys()].map((name) => name.slice(0, -'.weight'.length));
  }

  /** How a layer is to be quantized; undefined if it stays float. */
  find(module: string): PlannedLinear | undefined {
    const tensor = this.#tensors.get(`${module}.weight`);
    if (!tensor) return undefined;
    const { linear, source } = tensor;
    const [rows, columns] = source.shape;
    const scheme = { bits: weightBits(linear.mode), groupSize: linear.groupSize, clip: this.#clip };
    return { ...linear, module, rows, columns, scheme };
  }

  /** Layers whose files are complete already are left alone. */
  write({ module, mode, rows, columns, scheme }: PlannedLinear, { codes, scales }: LinearCodes): void {
    const [codesTensor, scalesTensor] = this.#tensors.get(`${module}.weight`)?.outputs ?? [];
    if (!this.#writer.has(codesTensor.name)) return;
    const isPacked = storageFormat(mode) === 'pack-quantized';
    this.#writer.write(codesTensor.name, isPacked ? packCodes(codes, rows, columns, scheme.bits) : codes);
    this.#writer.write(scalesTensor.name, scales);
  }

  /** Makes durable what was written. */
  sync(): void {
    this.#writer.sync();
  }
}
