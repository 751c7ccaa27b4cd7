import type { Backend, Tensor, Weight, WeightSource } from '../../kernels/backend.ts';
import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import type { Stage } from '../../quant/methods/calibration.ts';
import type { LayerLinears, LayerNorms, LayerWeights } from '../model/decoder-weights.ts';
import {
  addAttention,
  addMlp,
  attend,
  gateUp,
  normAttentionInput,
  normMlpInput,
  type LayerContext,
  type LayerPositions,
} from '../model/layer.ts';
import type { Scratch } from '../model/scratch.ts';
import type { TrackFiles } from './calibration-folder.ts';
import { stageColumns, stageLinears } from './stage-linears.ts';
import type { WindowFile } from './window-file.ts';

export interface LayerTrackOptions {
  backend: Backend;
  config: ModelConfig;
  positions: LayerPositions;
  /** Of the backend, and not released by the track. */
  norms: LayerNorms;
  files: TrackFiles;
  /** Memory for windows of so many tokens; valid until the next call. */
  scratchFor: (rows: number) => Scratch;
}

/** One layer that all windows go through, with float weights or with those that have taken their place. */
export class LayerTrack {
  readonly #options: LayerTrackOptions;
  /** Stage by stage: each piece of the layer is only asked for after the weights that it reads. */
  readonly #linears: Partial<LayerLinears> = {};
  readonly #handles: Weight[] = [];

  constructor(options: LayerTrackOptions) {
    this.#options = options;
  }

  /** Loads the weights of a stage, in the order of `stageLinears`. */
  load(stage: Stage, sources: readonly WeightSource[]): void {
    for (const [index, { key }] of stageLinears[stage].entries()) {
      const weight = this.#options.backend.loadWeight(sources[index]);
      this.#handles.push(weight);
      this.#linears[key] = weight;
    }
  }

  /** The inputs of a stage, `[tokens, K]`. For each window after those of the earlier stages, whose weights are loaded. */
  stageInput(stage: Stage, window: number): Promise<Float32Array> {
    const { backend, files } = this.#options;
    switch (stage) {
      case 'attentionInput':
        return this.#run(files.input, window, (context) => {
          normAttentionInput(context, this.#weights);
          return Promise.resolve(backend.download(context.scratch.normed));
        });
      case 'attentionOutput':
        return this.#run(files.input, window, async (context) => {
          normAttentionInput(context, this.#weights);
          await this.#attend(context);
          return this.#spill(stage, window, context.scratch.attended);
        });
      case 'mlpInput':
        return this.#run(files.input, window, async (context) => {
          await this.#unspilled('attentionOutput', window, (attended) =>
            addAttention({ ...context, scratch: { ...context.scratch, attended } }, this.#weights),
          );
          this.#writeOutput(window, context);
          normMlpInput(context, this.#weights);
          return backend.download(context.scratch.normed);
        });
      case 'mlpOutput':
        return this.#run(files.output, window, async (context) => {
          normMlpInput(context, this.#weights);
          await gateUp(context, this.#weights);
          return this.#spill(stage, window, context.scratch.gate);
        });
    }
  }

  /** The residual stream that the outputs of a stage are added to, `[tokens, hiddenSize]`; undefined for other stages. */
  streamBefore(stage: Stage, window: number): Float32Array | undefined {
    const { config, files } = this.#options;
    switch (stage) {
      case 'attentionOutput':
        return files.input.read(window, config.hiddenSize);
      case 'mlpOutput':
        return files.output.read(window, config.hiddenSize);
      case 'attentionInput':
      case 'mlpInput':
        return undefined;
    }
  }

  /** Takes a window from the inputs of the last stage to the end of the layer. */
  finish(window: number): Promise<void> {
    return this.#run(this.#options.files.output, window, async (context) => {
      await this.#unspilled('mlpOutput', window, (gate) =>
        addMlp({ ...context, scratch: { ...context.scratch, gate } }, this.#weights),
      );
      this.#writeOutput(window, context);
    });
  }

  /** Takes a window all the way through the layer, whose weights are all loaded. */
  pass(window: number, onInput: (stage: Stage, x: Float32Array) => Promise<void>): Promise<void> {
    const { backend, files } = this.#options;
    return this.#run(files.input, window, async (context) => {
      const { normed, attended, gate } = context.scratch;
      normAttentionInput(context, this.#weights);
      await onInput('attentionInput', backend.download(normed));
      await this.#attend(context);
      await onInput('attentionOutput', backend.download(attended));
      await addAttention(context, this.#weights);
      normMlpInput(context, this.#weights);
      await onInput('mlpInput', backend.download(normed));
      await gateUp(context, this.#weights);
      await onInput('mlpOutput', backend.download(gate));
      await addMlp(context, this.#weights);
      this.#writeOutput(window, context);
    });
  }

  release(): void {
    for (const handle of this.#handles) this.#options.backend.release(handle);
  }

  get #weights(): LayerWeights {
    return { ...this.#options.norms, ...this.#linears } as LayerWeights;
  }

  async #attend(context: LayerContext): Promise<void> {
    const { backend, config, positions } = this.#options;
    const cache = backend.createKvCache(context.scratch.rows, config.kvHeads, config.headDim);
    try {
      await attend(context, this.#weights, positions, cache);
    } finally {
      backend.release(cache);
    }
  }

  /** Runs pieces of the layer on the hidden states of a window. */
  async #run<Result>(
    file: WindowFile,
    window: number,
    pieces: (context: LayerContext) => Promise<Result>,
  ): Promise<Result> {
    const { backend, config, scratchFor } = this.#options;
    const { hiddenSize } = config;
    return this.#uploaded(file.read(window, hiddenSize), hiddenSize, (hidden) => {
      const scratch = { ...scratchFor(hidden.rows), hidden };
      return pieces({ backend, config, scratch, linear: { decode: 'w8a8' } });
    });
  }

  #writeOutput(window: number, { scratch: { hidden } }: LayerContext): void {
    const { backend, config, files } = this.#options;
    files.output.write(window, config.hiddenSize, backend.download(hidden));
  }

  /** Keeps the inputs of a stage for the next one. */
  #spill(stage: Stage, window: number, tensor: Tensor): Float32Array {
    const values = this.#options.backend.download(tensor);
    this.#options.files.spill.write(window, stageColumns(this.#options.config, stage), values);
    return values;
  }

  #unspilled(stage: Stage, window: number, use: (tensor: Tensor) => Promise<void>): Promise<void> {
    const columns = stageColumns(this.#options.config, stage);
    return this.#uploaded(this.#options.files.spill.read(window, columns), columns, use);
  }

  async #uploaded<Result>(
    values: Float32Array,
    columns: number,
    use: (tensor: Tensor) => Promise<Result>,
  ): Promise<Result> {
    const { backend } = this.#options;
    const tensor = backend.upload(values.length / columns, columns, values);
    try {
      return await use(tensor);
    } finally {
      backend.release(tensor);
    }
  }
}
