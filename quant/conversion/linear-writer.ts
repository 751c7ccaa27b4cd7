import { weightBits } from '../checkpoint/compressed-tensors.ts';
import type { ReadCodes } from '../checkpoint/stored-model.ts';
import type { Clip, WeightScheme } from '../schemes/scheme.ts';
import type { OutputFormat, OutputFormatName, WeightStorage } from './formats/output-format.ts';
import type { PlannedTensor, QuantizedTensor } from './plan.ts';
import type { TensorWriter } from './tensor-writer.ts';

/** A linear layer that is to be quantized. */
export interface PlannedLinear extends WeightStorage {
  module: string;
  rows: number;
  columns: number;
  scheme: WeightScheme;
  /** By which rule codes are found where nothing but the weight itself decides. */
  rule: ReadCodes['kind'];
}

/** Writes the quantized layers of a conversion in the form that its plan gives them. */
export class LinearWriter {
  readonly #writer: TensorWriter;
  readonly #tensors = new Map<string, QuantizedTensor>();
  readonly #clip: Clip;
  readonly #format: OutputFormat;

  constructor(tensors: readonly PlannedTensor[], clip: Clip, format: OutputFormat, writer: TensorWriter) {
    this.#writer = writer;
    this.#clip = clip;
    this.#format = format;
    for (const tensor of tensors) {
      if (tensor.kind === 'quantize') this.#tensors.set(tensor.source.name, tensor);
    }
  }

  get format(): OutputFormatName {
    return this.#format.name;
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
    return { ...linear, module, rows, columns, scheme, rule: this.#format.rule(scheme) };
  }

  /** Layers whose files are complete already are left alone. @returns codes and scales as the output holds them */
  write(linear: PlannedLinear, codes: ReadCodes): ReadCodes {
    const settled = this.#format.settle(codes, linear.scheme.bits, linear.scaleDtype);
    const outputs = this.#tensors.get(`${linear.module}.weight`)?.outputs ?? [];
    if (this.#writer.has(outputs[0].name)) {
      for (const [index, part] of this.#format.encode(settled, linear).entries()) {
        this.#writer.write(outputs[index].name, part);
      }
    }
    return settled;
  }

  /** Makes durable what was written. */
  sync(): void {
    this.#writer.sync();
  }
}
