import type { Backend, Tensor, Weight, WeightSource } from '../../kernels/backend.ts';
import {
  quantizedLinear,
  type QuantizedLinear,
  type QuantizedModel,
} from '../../quant/checkpoint/compressed-tensors.ts';
import { symmetricAsAffine } from '../../quant/schemes/symmetric-as-affine.ts';
import type { Configuration } from './configurations.ts';
import type { ModuleLoader } from './load-decoder.ts';
import { quantizeWeight } from './quantized-weight.ts';
import { denseWeight, findTensor, readDenseWeight, storedQuantizedWeight, type TensorSource } from './stored-weight.ts';

export interface WeightLoaderOptions {
  configuration: Configuration;
  /** How the checkpoint itself is quantized, if it is. */
  stored: QuantizedModel | undefined;
  /** Added to the gains of norms. */
  gainOffset: number;
}

/** Moves tensors from a checkpoint to a backend and counts their bytes. */
export class WeightLoader implements ModuleLoader {
  readonly #checkpoint: TensorSource;
  readonly #backend: Backend;
  readonly #options: WeightLoaderOptions;
  readonly #handles: (Tensor | Weight)[] = [];
  #bytes = 0;

  constructor(checkpoint: TensorSource, backend: Backend, options: WeightLoaderOptions) {
    this.#checkpoint = checkpoint;
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
    const entry = findTensor(this.#checkpoint, `${module}.weight`);
    const stored = this.#checkpoint.readFloats(entry);
    const gains = stored.map((value) => value + this.#options.gainOffset);
    return this.#keep(this.#backend.upload(1, gains.length, gains), entry.bytes);
  }

  /** A matrix that stays float. */
  dense(name: string): Weight {
    return this.#load(denseWeight(this.#checkpoint, name));
  }

  /** The head stays float unless the checkpoint holds it otherwise. */
  head(module: string): Weight {
    const scheme = this.#storedScheme(module);
    if (!scheme) return this.dense(`${module}.weight`);
    return this.#load(storedQuantizedWeight(this.#checkpoint, module, scheme));
  }

  /** A linear layer, as the checkpoint holds it or else as the configuration wants it. */
  linear(module: string, hasBias: boolean): Weight {
    const bias = hasBias ? this.#checkpoint.readFloats(findTensor(this.#checkpoint, `${module}.bias`)) : undefined;
    const source = this.#linearSource(module);
    if (source.kind !== 'integer' || !this.#floatActivations) return this.#load({ ...source, bias });
    const affine = symmetricAsAffine(source);
    // A file holds them no more than for quantized activations.
    return this.#load({ ...affine, bias }, affine.biases.byteLength);
  }

  get #floatActivations(): boolean {
    const { configuration } = this.#options;
    return configuration.kind !== 'affine' && configuration.floatActivations === true;
  }

  #linearSource(module: string): WeightSource {
    const scheme = this.#storedScheme(module);
    if (scheme) return storedQuantizedWeight(this.#checkpoint, module, scheme);
    const name = `${module}.weight`;
    const { configuration } = this.#options;
    if (configuration.kind === 'stored') return denseWeight(this.#checkpoint, name);
    return quantizeWeight(readDenseWeight(this.#checkpoint, name), configuration, name);
  }

  #storedScheme(module: string): QuantizedLinear | undefined {
    const { stored } = this.#options;
    return stored && quantizedLinear(stored, module);
  }

  #load(source: WeightSource, uncountedBytes = 0): Weight {
    const weight = loadExplained(this.#backend, source);
    return this.#keep(weight, weight.bytes - uncountedBytes);
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
