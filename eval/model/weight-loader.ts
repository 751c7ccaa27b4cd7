import type { Backend, Tensor, Weight, WeightSource } from '../../kernels/backend.ts';
import { quantizedLinear, type QuantizedModel } from '../../quant/checkpoint/compressed-tensors.ts';
import type { Configuration } from './configurations.ts';
import { quantizeWeight } from './quantized-weight.ts';
import { denseWeight, findTensor, readDenseWeight, storedQuantizedWeight, type TensorSource } from './stored-weight.ts';

/** Moves tensors from a checkpoint to a backend and counts their bytes. */
export class WeightLoader {
  readonly #checkpoint: TensorSource;
  readonly #backend: Backend;
  readonly #configuration: Configuration;
  readonly #stored: QuantizedModel | undefined;
  readonly #handles: (Tensor | Weight)[] = [];
  #bytes = 0;

  /** @param stored how the checkpoint itself is quantized, if it is */
  constructor(
    checkpoint: TensorSource,
    backend: Backend,
    configuration: Configuration,
    stored: QuantizedModel | undefined,
  ) {
    this.#checkpoint = checkpoint;
    this.#backend = backend;
    this.#configuration = configuration;
    this.#stored = stored;
  }

  /** Everything loaded so far. */
  get handles(): readonly (Tensor | Weight)[] {
    return this.#handles;
  }

  /** Of everything loaded so far, in the form that each tensor is stored in, or would be by the configuration. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The gain of a norm as one row. */
  gain(name: string): Tensor {
    const entry = findTensor(this.#checkpoint, name);
    const values = this.#checkpoint.readFloats(entry);
    return this.#keep(this.#backend.upload(1, values.length, values), entry.bytes);
  }

  /** A matrix that stays float. */
  dense(name: string): Weight {
    return this.#load(denseWeight(this.#checkpoint, name));
  }

  /** The head stays float unless the checkpoint holds it otherwise. */
  head(module: string): Weight {
    const scheme = this.#stored && quantizedLinear(this.#stored, module);
    if (!scheme) return this.dense(`${module}.weight`);
    return this.#load(storedQuantizedWeight(this.#checkpoint, module, scheme));
  }

  /** A linear layer, as the checkpoint holds it or else as the configuration wants it. */
  linear(module: string, hasBias: boolean): Weight {
    const bias = hasBias ? this.#checkpoint.readFloats(findTensor(this.#checkpoint, `${module}.bias`)) : undefined;
    return this.#load({ ...this.#linearSource(module), bias });
  }

  #linearSource(module: string): WeightSource {
    const scheme = this.#stored && quantizedLinear(this.#stored, module);
    if (scheme) return storedQuantizedWeight(this.#checkpoint, module, scheme);
    const name = `${module}.weight`;
    if (this.#configuration.kind === 'stored') return denseWeight(this.#checkpoint, name);
    return quantizeWeight(readDenseWeight(this.#checkpoint, name), this.#configuration, name);
  }

  #load(source: WeightSource): Weight {
    const weight = loadExplained(this.#backend, source);
    return this.#keep(weight, weight.bytes);
  }

  #keep<Handle extends Tensor | Weight>(handle: Handle, bytes: number): Handle {
    this.#handles.push(handle);
    this.#bytes += bytes;
    return handle;
  }
}

/** What a backend refuses of codes that it reads by itself, our own reader refuses in words of the checkpoint. */
function loadExplained(backend: Backend, source: WeightSource): Weight {
  try {
    return backend.loadWeight(source);
  } catch (error) {
    if (source.kind !== 'dense' && !ArrayBuffer.isView(source.codes)) source.codes.read();
    throw error;
  }
}
