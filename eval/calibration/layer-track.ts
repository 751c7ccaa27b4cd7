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
  /** Whether weights of a stage are loaded before it: the track goes on with their outputs at once, and needs no `finish`. */
  isAhead: boolean;
}

/** What a window has at a stage; valid until the next call. */
export interface StageRows {
  /** What the weights of the stage read, `[tokens, K]`. */
  inputs: Float32Array;
  /** The residual stream with their outputs, `[tokens, hiddenSize]`, where a branch ends and they were given. */
  stream?: Float32Array;
  /** Writes what later stages go on from, if anything; to be called before the next call of the track. @throws ResourceError */
  keep?: () => void;
}

/** One layer that all windows go through, with float weights or with those that have taken their place. */
export class LayerTrack {
  readonly #options: LayerTrackOptions;
  /** Stage by stage: each piece of the layer is only asked for after the weights that it reads. */
  readonly #linears: Partial<LayerLinears> = {};
  readonly #handles: Weight[] = [];
  /** New memory for every window would keep the garbage collector busy. */
  readonly #downloads = new Map<string, Float32Array>();

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

  /**
   * For each window after those of the earlier stages, whose weights are loaded.
   *
   * @param added a track that is ahead, whose weights of this stage `stream` is to be with
   */
  stageRows(stage: Stage, window: number, added?: LayerTrack): Promise<StageRows> {
    const { files, isAhead } = this.#options;
    switch (stage) {
      case 'attentionInput':
        return this.#run(files.input, window, (context) => {
          normAttentionInput(context, this.#weights);
          return Promise.resolve({ inputs: this.#download(context.scratch.normed, 'inputs') });
        });
      case 'attentionOutput':
        return this.#run(files.input, window, async (context) => {
          normAttentionInput(context, this.#weights);
          await this.#attend(context);
          return this.#endOfBranch(stage, window, context, added);
        });
      case 'mlpInput':
        return this.#run(isAhead ? files.output : files.input, window, async (context) => {
          if (!isAhead) {
            await this.#unspilled('attentionOutput', window, (attended) =>
              addAttention({ ...context, scratch: { ...context.scratch, attended } }, this.#weights),
            );
            this.#writeOutput(window, context);
          }
          normMlpInput(context, this.#weights);
          return { inputs: this.#download(context.scratch.normed, 'inputs') };
        });
      case 'mlpOutput':
        return this.#run(files.output, window, async (context) => {
          normMlpInput(context, this.#weights);
          await gateUp(context, this.#weights);
          return this.#endOfBranch(stage, window, context, added);
        });
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
    const { files } = this.#options;
    return this.#run(files.input, window, async (context) => {
      const { normed, attended, gate } = context.scratch;
      normAttentionInput(context, this.#weights);
      await onInput('attentionInput', this.#download(normed, 'inputs'));
      await this.#attend(context);
      await onInput('attentionOutput', this.#download(attended, 'inputs'));
      await addAttention(context, this.#weights);
      normMlpInput(context, this.#weights);
      await onInput('mlpInput', this.#download(normed, 'inputs'));
      await gateUp(context, this.#weights);
      await onInput('mlpOutput', this.#download(gate, 'inputs'));
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
    const { config, files } = this.#options;
    files.output.write(window, config.hiddenSize, this.#download(hidden, 'stream'));
  }

  /** Keeps the inputs of a stage until its weights are known, or adds the outputs of those that are. */
  async #endOfBranch(
    stage: 'attentionOutput' | 'mlpOutput',
    window: number,
    context: LayerContext,
    other: LayerTrack | undefined,
  ): Promise<StageRows> {
    const { config, files, isAhead } = this.#options;
    const { attended, gate, hidden } = context.scratch;
    const [tensor, add] = stage === 'attentionOutput' ? ([attended, addAttention] as const) : ([gate, addMlp] as const);
    const inputs = this.#download(tensor, 'inputs');
    const spill = (): void => {
      files.spill.write(window, stageColumns(config, stage), inputs);
    };
    const added = isAhead ? this : other;
    if (!added) return { inputs, keep: spill };
    await add(context, added.#weights);
    const stream = this.#download(hidden, 'stream');
    const goOn = (): void => {
      files.output.write(window, config.hiddenSize, stream);
    };
    return { inputs, stream, keep: isAhead ? goOn : spill };
  }

  #download(tensor: Tensor, use: 'inputs' | 'stream'): Float32Array {
    const { rows, columns } = tensor;
    const key = `${use} ${columns}`;
    const kept = this.#downloads.get(key);
    const into = kept?.length === rows * columns ? kept : new Float32Array(rows * columns);
    this.#downloads.set(key, into);
    return this.#options.backend.download(tensor, into);
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
