import { setImmediate } from 'node:timers/promises';
import type { Backend, DenseWeight } from '../../kernels/backend.ts';
import type { LinearAlgebra } from '../../kernels/linear-algebra.ts';
import { EMBEDDING_NAME } from '../../quant/checkpoint/architecture.ts';
import {
  stages,
  type Stage,
  type StageVisitor,
  type StageWeight,
  type StatisticsNeeds,
} from '../../quant/methods/calibration.ts';
import type { FloatModel } from '../../quant/methods/float-model.ts';
import { loadLayerNorms } from '../model/load-decoder.ts';
import { rotations } from '../model/rope.ts';
import { allocateScratch, type Scratch } from '../model/scratch.ts';
import type { CalibrationFolder } from './calibration-folder.ts';
import { LayerTrack } from './layer-track.ts';
import { FloatModelLoader } from './load-float-model.ts';
import { isAdded, readStage, stageColumns } from './stage-linears.ts';
import { StageGatherer } from './stage-statistics.ts';

export interface CalibrationRequest {
  model: FloatModel;
  /** Token ids, all inside the vocabulary. */
  windows: readonly Int32Array[];
  backend: Backend;
  algebra: LinearAlgebra;
  needs: StatisticsNeeds;
  /** Not called for layers that an earlier run finished. Arrays of the weights are not to be written to. */
  visit: StageVisitor;
  /**
   * Whether `visit` may return weights. If not, all windows go through a layer at once, and its stages are visited after
   * that; there is nothing to compare with then.
   */
  replaces: boolean;
}

export interface CalibrationHooks {
  signal: AbortSignal;
  /** Windows that went through embedding, stage or layer, of all that will; those of an earlier run count. */
  onProgress: (done: number, total: number, label: string) => void;
}

/** Tracks of a run: with the weights that `visit` returns, and beside it that of the float model if it is needed. */
export const trackNames = ({ cross }: StatisticsNeeds): readonly string[] =>
  cross ? ['calibrated', 'float'] : ['calibrated'];

/** The way of all windows through the model. */
export class CalibrationPass {
  readonly #request: CalibrationRequest;
  readonly #folder: CalibrationFolder;
  readonly #hooks: CalibrationHooks;
  readonly #rotations: ReturnType<typeof rotations>;
  readonly #tokens: number;
  #scratch: Scratch | undefined;
  #done = 0;

  /** @throws RangeError for needs that nothing can meet */
  constructor(request: CalibrationRequest, folder: CalibrationFolder, hooks: CalibrationHooks) {
    const { model, windows, needs, replaces } = request;
    if (needs.cross && !replaces) throw new RangeError('without replaced weights there is nothing to compare with');
    this.#request = request;
    this.#folder = folder;
    this.#hooks = hooks;
    this.#rotations = rotations(model.config);
    this.#tokens = windows.reduce((sum, { length }) => sum + length, 0);
  }

  /** Writes the hidden states before the first layer. */
  async embed(): Promise<void> {
    const { model, windows, backend, needs } = this.#request;
    const { hiddenSize, vocabSize, embeddingScale: scale } = model.config;
    const files = trackNames(needs).map((track) => this.#folder.start(track));
    const data = await model.read(EMBEDDING_NAME);
    const table = backend.loadWeight(
      dense({ outFeatures: vocabSize, inFeatures: hiddenSize, values: data, bias: undefined }),
    );
    try {
      await this.#eachWindow('embedding', (window) => {
        const { hidden } = this.#scratchFor(windows[window].length);
        backend.embedding(hidden, table, windows[window], { scale });
        const rows = backend.download(hidden);
        for (const file of files) file.write(window, hiddenSize, rows);
        return Promise.resolve();
      });
    } finally {
      backend.release(table);
    }
    this.#folder.after(0);
  }

  /** Takes all windows through a layer, and shows its stages. */
  async layer(layer: number): Promise<void> {
    const { model, windows, backend, needs, replaces } = this.#request;
    this.#done = windows.length * (1 + layer * this.#passesPerLayer);
    const loader = new FloatModelLoader(model, backend);
    const tracks: LayerTrack[] = [];
    try {
      const norms = await loadLayerNorms(loader, model.config, layer);
      const positions = { rotation: this.#rotations[layer], slidingWindow: model.config.slidingWindow[layer] };
      const scratchFor = (rows: number): Scratch => this.#scratchFor(rows);
      for (const name of trackNames(needs)) {
        const files = this.#folder.filesOf(name);
        const isAhead = name === 'float';
        tracks.push(new LayerTrack({ backend, config: model.config, positions, norms, files, scratchFor, isAhead }));
      }
      if (replaces) await this.#stageByStage(layer, tracks);
      else await this.#atOnce(layer, tracks[0]);
    } finally {
      for (const track of tracks) track.release();
      for (const handle of loader.handles) backend.release(handle);
    }
    this.#folder.after(layer + 1);
  }

  release(): void {
    this.#scratch?.release();
    this.#scratch = undefined;
  }

  async #stageByStage(layer: number, tracks: readonly LayerTrack[]): Promise<void> {
    const { model, visit } = this.#request;
    const [calibrated, float] = tracks as readonly [LayerTrack, LayerTrack | undefined];
    for (const stage of stages) {
      const gatherer = this.#gatherer(layer, stage);
      const weights = await readStage(model, layer, stage);
      float?.load(stage, weights.map(dense));
      const added = isAdded(model.config, stage) ? float : undefined;
      await this.#eachWindow(`layer ${layer}, ${stage}`, async (window) => {
        const floatRows = await float?.stageRows(stage, window);
        const rows = await calibrated.stageRows(stage, window, added);
        await gatherer.add(window, rows, floatRows, () => {
          floatRows?.keep?.();
          rows.keep?.();
        });
      });
      const replaced = await visit({ layer, stage, statistics: gatherer.result(), weights });
      calibrated.load(stage, replaced ?? weights.map(dense));
    }
    await this.#eachWindow(`layer ${layer}`, (window) => calibrated.finish(window));
  }

  async #atOnce(layer: number, track: LayerTrack): Promise<void> {
    const { model, visit } = this.#request;
    const gatherers = new Map(stages.map((stage) => [stage, this.#gatherer(layer, stage)]));
    const weights = new Map<Stage, StageWeight[]>();
    for (const stage of stages) {
      const read = await readStage(model, layer, stage);
      weights.set(stage, read);
      track.load(stage, read.map(dense));
    }
    await this.#eachWindow(`layer ${layer}`, (window) =>
      track.pass(window, async (stage, inputs) => gatherers.get(stage)?.add(window, { inputs })),
    );
    for (const [stage, gatherer] of gatherers) {
      gatherers.delete(stage);
      const replaced = await visit({ layer, stage, statistics: gatherer.result(), weights: weights.get(stage) ?? [] });
      if (replaced) throw new RangeError('weights were returned that cannot be replaced any more');
    }
  }

  #gatherer(layer: number, stage: Stage): StageGatherer {
    const { model, needs, algebra } = this.#request;
    const columns = stageColumns(model.config, stage);
    const streamColumns = isAdded(model.config, stage) ? model.config.hiddenSize : undefined;
    return new StageGatherer({ layer, stage, columns, streamColumns, tokens: this.#tokens, needs, algebra });
  }

  async #eachWindow(label: string, work: (window: number) => Promise<void>): Promise<void> {
    const { model, windows } = this.#request;
    const { signal, onProgress } = this.#hooks;
    const total = windows.length * (1 + model.config.layers * this.#passesPerLayer);
    for (const window of windows.keys()) {
      // Operations of a backend may never wait for anything; this lets signals through.
      await setImmediate();
      signal.throwIfAborted();
      await work(window);
      onProgress(++this.#done, total, label);
    }
  }

  /** Passes over the windows that a layer takes: one a stage and one to its end, or a single one. */
  get #passesPerLayer(): number {
    return this.#request.replaces ? stages.length + 1 : 1;
  }

  #scratchFor(rows: number): Scratch {
    if (this.#scratch?.rows === rows) return this.#scratch;
    this.release();
    return (this.#scratch = allocateScratch(this.#request.backend, this.#request.model.config, rows));
  }
}

function dense({ outFeatures, inFeatures, values, bias }: Omit<StageWeight, 'module'>): DenseWeight {
  return { kind: 'dense', dtype: 'F32', outFeatures, inFeatures, data: values, bias };
}
