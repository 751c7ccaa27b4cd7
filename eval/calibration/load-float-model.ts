import type { Backend, Tensor, Weight } from '../../kernels/backend.ts';
import { modelTensors } from '../../quant/checkpoint/architecture.ts';
import type { FloatModel } from '../../quant/methods/float-model.ts';
import { loadDecoder, type ModuleLoader } from '../model/load-decoder.ts';
import type { DecoderModel } from '../model/model.ts';

/** Loads a float model with all its weights as dense f32, tensor by tensor. @throws as `FloatModel.read` */
export function loadFloatModel(model: FloatModel, backend: Backend): Promise<DecoderModel> {
  return loadDecoder(new FloatModelLoader(model, backend), model.config, backend);
}

/** Moves tensors of a float model to a backend, as f32. */
export class FloatModelLoader implements ModuleLoader {
  readonly #model: FloatModel;
  readonly #backend: Backend;
  readonly #shapes: ReadonlyMap<string, readonly number[]>;
  readonly #handles: (Tensor | Weight)[] = [];
  #bytes = 0;

  constructor(model: FloatModel, backend: Backend) {
    this.#model = model;
    this.#backend = backend;
    this.#shapes = new Map(modelTensors(model.config).map(({ name, shape }) => [name, shape]));
  }

  get handles(): readonly (Tensor | Weight)[] {
    return this.#handles;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What is stored and the offset, added in f32. */
  async gain(module: string): Promise<Tensor> {
    const stored = await this.#model.read(`${module}.weight`);
    const gains = stored.map((value) => value + this.#model.config.gainOffset);
    return this.#keep(this.#backend.upload(1, gains.length, gains), gains.byteLength);
  }

  dense(name: string): Promise<Weight> {
    return this.#load(name);
  }

  head(module: string): Promise<Weight> {
    return this.#load(`${module}.weight`);
  }

  async linear(module: string, hasBias: boolean): Promise<Weight> {
    return this.#load(`${module}.weight`, hasBias ? await this.#model.read(`${module}.bias`) : undefined);
  }

  async #load(name: string, bias?: Float32Array): Promise<Weight> {
    const data = await this.#model.read(name);
    const [outFeatures, inFeatures] = this.#shapes.get(name) ?? [];
    const weight = this.#backend.loadWeight({ kind: 'dense', dtype: 'F32', outFeatures, inFeatures, data, bias });
    return this.#keep(weight, weight.bytes);
  }

  #keep<Handle extends Tensor | Weight>(handle: Handle, bytes: number): Handle {
    this.#handles.push(handle);
    this.#bytes += bytes;
    return handle;
  }
}
