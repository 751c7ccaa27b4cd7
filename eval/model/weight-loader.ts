import type { Backend, Tensor, Weight, WeightSource } from '../../kernels/backend.ts';
import type { StoredTensor } from '../../quant/checkpoint/stored-model.ts';
import { symmetricAsAffine } from '../../quant/schemes/symmetric-as-affine.ts';
import type { Configuration } from './configurations.ts';
import type { ModuleLoader } from './load-decoder.ts';
import { quantizeWeight } from './quantized-weight.ts';
import { codedWeight, denseWeight, findTensor, readDenseWeight, type TensorSource } from './stored-weight.ts';

export interface WeightLoaderOptions {
  configuration: Configuration;
  /** Added to the gains of norms. */
  gainOffset: number;
}

/** Moves tensors of a model to a backend and counts their bytes. */
export class WeightLoader implements ModuleLoader {
  readonly #model: TensorSource;
  readonly #backend: Backend;
  readonly #options: WeightLoaderOptions;
  readonly #handles: (Tensor | Weight)[] = [];
  #bytes = 0;

  constructor(model: TensorSource, backend: Backend, options: WeightLoaderOptions) {
    this.#model = model;
    this.#backend = backend;
    this.#options = options;
  }

  /** Everything loaded so far. */
  get handles(): readonly (Tensor | Weight)[] {
    return this.#handles;
  }

  /** Of everything loaded so far, in the form that each tensor is stored in, or would be by the configuration. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The gain of a norm as one row: what is stored and the offset, added in f32, which is also how transformers adds. */
  gain(module: string): Tensor {
    const tensor = this.#find(`${module}.weight`);
    const gains = tensor.readFloats().map((value) => value + this.#options.gainOffset);
    return this.#keep(this.#backend.upload(1, gains.length, gains), tensor.bytes);
  }

  /** A matrix that is looked up, as floats: backends have no lookup of codes. */
  dense(name: string): Weight {
    const tensor = this.#find(name);
    return this.#load(denseWeight(tensor), tensor.bytes);
  }

  /** The head stays float unless the model holds it otherwise. */
  head(module: string): Weight {
    const tensor = this.#find(`${module}.weight`);
    return this.#load(storedWeight(tensor), tensor.bytes);
  }

  /** A linear layer, as the model holds it or else as the configuration wants it. */
  linear(module: string, hasBias: boolean): Weight {
    const { configuration } = this.#options;
    const tensor = this.#find(`${module}.weight`);
    const stored = hasBias ? this.#find(`${module}.bias`) : undefined;
    const bias = stored?.readFloats();
    const isStored = configuration.kind === 'stored';
    const source = isStored
      ? storedWeight(tensor)
      : quantizeWeight(readDenseWeight(tensor), configuration, tensor.name);
    if (source.kind === 'integer' && this.#floatActivations) {
      const affine = symmetricAsAffine(source);
      const weight = loadExplained(this.#backend, { ...affine, bias });
      // A file holds no biases of codes for quantized activations.
      return this.#keep(weight, weight.bytes - affine.biases.byteLength);
    }
    // Files may hold integers of 4 bits as bytes, and backends may hold other codes wider than their file does.
    const isAsInFile = isStored && source.kind !== 'integer';
    return this.#load({ ...source, bias }, isAsInFile ? tensor.bytes + (stored?.bytes ?? 0) : undefined);
  }

  get #floatActivations(): boolean {
    const { configuration } = this.#options;
    return configuration.kind !== 'affine' && configuration.floatActivations === true;
  }

  #find(name: string): StoredTensor {
    return findTensor(this.#model, name);
  }

  /** @param bytes of the stored form, if the backend does not say it */
  #load(source: WeightSource, bytes?: number): Weight {
    const weight = loadExplained(this.#backend, source);
    return this.#keep(weight, bytes ?? weight.bytes);
  }

  #keep<Handle extends Tensor | Weight>(handle: Handle, bytes: number): Handle {
    this.#handles.push(handle);
    this.#bytes += bytes;
    return handle;
  }
}

const storedWeight = (tensor: StoredTensor): WeightSource =>
  tensor.codes ? codedWeight(tensor, tensor.codes) : denseWeight(tensor);

/** What a backend refuses of codes that it reads by itself, our own reader refuses in words of the checkpoint. */
function loadExplained(backend: Backend, source: WeightSource): Weight {
  try {
    return backend.loadWeight(source);
  } catch (error) {
    if (source.kind !== 'dense' && !ArrayBuffer.isView(source.codes)) source.codes.read();
    throw error;
  }
}
