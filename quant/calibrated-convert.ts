import type { LinearAlgebra } from '../kernels/linear-algebra.ts';
import { modelTensors } from './checkpoint/architecture.ts';
import { weightBits } from './checkpoint/compressed-tensors.ts';
import type { WeightDtype } from './checkpoint/weight-dtype.ts';
import { ConversionOutput, type OutputSettings } from './conversion/conversion-output.ts';
import { writeFloatTensors } from './conversion/float-tensors.ts';
import { gptqNeeds, gptqVisitor } from './conversion/gptq-pass.ts';
import { LinearWriter } from './conversion/linear-writer.ts';
import { quantizeToNearest } from './conversion/nearest-pass.ts';
import { formatOf } from './conversion/plan.ts';
import type { Conversion } from './conversion/prepare.ts';
import { repackCodes } from './conversion/repack.ts';
import { findSmoothing, smoothingNeeds } from './conversion/smoothing-pass.ts';
import { TensorWriter } from './conversion/tensor-writer.ts';
import {
  divideStatistics,
  recordingCalibrator,
  type CalibrationRun,
  type Calibrator,
  type StageVisitor,
  type StatisticsSink,
} from './methods/calibration.ts';
import { storedFloatModel, type FloatModel } from './methods/float-model.ts';
import { rotatedModel } from './methods/rotation.ts';
import { smoothedModel, type SmoothedFloatModel } from './methods/smoothed-model.ts';
import type { Treatment } from './methods/treatment.ts';
import type { ManifestFile } from './output/manifest.ts';
import type { WeightScheme } from './schemes/scheme.ts';

export interface CalibratedSettings extends OutputSettings {
  algebra: LinearAlgebra;
  /** Only treatments that look at what the model does need one. */
  calibrator: Calibrator | undefined;
  /** Takes the statistics of the model as it is before any treatment. */
  statistics?: StatisticsSink | undefined;
  onWarning: (text: string) => void;
  /** What begins: a look at the model for its statistics or for smoothing, rounding, and what is left to be written. */
  onPhase: (phase: Phase) => void;
  /** Of rounding to nearest. */
  onProgress: (done: number, total: number, label: string) => void;
}

export type Phase = 'look' | 'smooth' | 'round' | 'write';

/** What `--alpha auto` tries its factors on where weights stay float: the mode that is smoothed for most. */
const USUAL_SCHEME: WeightScheme = { bits: 8, groupSize: 0, clip: { kind: 'minmax' } };

/**
 * Carries out a conversion that treats the model as a whole: rotates it, smooths it, rounds its weights by what its
 * layers meet. One layer is in memory at a time. The output appears whole under its name or not at all; a run that was
 * cut short leaves what a later one needs to give the bytes of an undisturbed one.
 *
 * @returns the files of the output, sorted by name
 * @throws UsageError for an output that may not be written, or a model that cannot be treated so; ResourceError for disk
 * and locks; InputError for weights and activations
 */
export function convertCalibrated(conversion: Conversion, settings: CalibratedSettings): Promise<ManifestFile[]> {
  return ConversionOutput.produce(conversion, settings, (output) =>
    new CalibratedRun(conversion, settings, output).complete(),
  );
}

class CalibratedRun {
  readonly #conversion: Conversion;
  readonly #settings: CalibratedSettings;
  readonly #output: ConversionOutput;
  readonly #treatment: Treatment;

  constructor(conversion: Conversion, settings: CalibratedSettings, output: ConversionOutput) {
    this.#conversion = conversion;
    this.#settings = settings;
    this.#output = output;
    this.#treatment = conversion.request.treatment;
  }

  async complete(): Promise<void> {
    const { model, tensors, request } = this.#conversion;
    const { signal, onPhase } = this.#settings;
    const original = storedFloatModel(model);
    const rotated = await this.#rotated(original);
    this.#output.beginKeeping(this.#scratchBytes(rotated));
    const writer = await this.#openFiles();
    await this.#gatherStatistics(original);
    const smoothed = await this.#smoothed(rotated);
    if (request.mode !== 'float') {
      const linears = new LinearWriter(tensors, request.clip, formatOf(request), writer);
      onPhase('round');
      if (request.repack === true) await repackCodes(model, linears, signal, this.#settings.onProgress);
      else await this.#round(smoothed ?? rotated, linears, smoothed);
    }
    onPhase('write');
    await writeFloatTensors(smoothed ?? rotated, model.checkpoint, tensors, writer, signal);
    for (const file of this.#remainingWeights()) await this.#output.seal(file);
    this.#output.removeScratch();
  }

  async #rotated(model: FloatModel): Promise<FloatModel> {
    const { rotation } = this.#treatment;
    return rotation ? rotatedModel(model, { ...rotation, algebra: this.#settings.algebra }) : model;
  }

  /** Smoothing looks at the same statistics, unless it comes after a rotation. */
  get #smoothingRecords(): boolean {
    return this.#treatment.smoothing !== undefined && this.#treatment.rotation === undefined;
  }

  async #gatherStatistics(model: FloatModel): Promise<void> {
    const { statistics, calibrator, onPhase } = this.#settings;
    if (!statistics || this.#smoothingRecords) return;
    onPhase('look');
    await recordingCalibrator(required(calibrator), statistics).run({
      ...this.#runNamed('statistics'),
      model,
      needs: { hessian: false, cross: false, inputRows: 0 },
      visit: () => Promise.resolve(undefined),
      replaces: false,
      onCheckpoint: () => undefined,
    });
  }

  async #smoothed(model: FloatModel): Promise<SmoothedFloatModel | undefined> {
    const { fileSystem, statistics, onPhase } = this.#settings;
    const { smoothing } = this.#treatment;
    if (!smoothing) return undefined;
    onPhase('smooth');
    const own = required(this.#settings.calibrator);
    const calibrator = statistics && this.#smoothingRecords ? recordingCalibrator(own, statistics) : own;
    const pass = { ...smoothing, calibrator, fileSystem, scheme: this.#searchScheme() };
    const factors = await findSmoothing(pass, { ...this.#runNamed('smoothing'), model });
    return smoothedModel(model, factors, { gainDtype: this.#gainDtype() });
  }

  async #round(model: FloatModel, linears: LinearWriter, smoothed: SmoothedFloatModel | undefined): Promise<void> {
    const { algebra, signal, onProgress, onWarning } = this.#settings;
    const { rounding } = this.#treatment;
    if (rounding.kind === 'nearest') {
      await quantizeToNearest(model, linears, linears.modules, signal, onProgress);
      return;
    }
    const calibrator = required(this.#settings.calibrator);
    const visit = gptqVisitor({ rounding, linears, algebra, signal, onWarning });
    await calibrator.run({
      ...this.#runNamed('gptq'),
      model,
      needs: gptqNeeds(rounding),
      visit: calibrator.sequential || !smoothed ? visit : ofSmoothed(smoothed, visit),
      replaces: true,
      onCheckpoint: () => {
        linears.sync();
      },
    });
    // Nothing is known of what the embedding and the output layer meet.
    const inLayers = new Set(
      modelTensors(model.config).flatMap(({ layer, module }) => (layer === undefined ? [] : module)),
    );
    const outside = linears.modules.filter((module) => !inLayers.has(module));
    await quantizeToNearest(model, linears, outside, signal, onProgress);
  }

  #runNamed(name: string): Pick<CalibrationRun, 'name' | 'folder' | 'fingerprint' | 'onResume'> {
    const { partialPath: folder, fingerprint } = this.#output;
    return { name, folder, fingerprint, onResume: () => undefined };
  }

  /**
   * What a search tries factors with: the scheme of the layers, but for those that fall back to one scale a row, without
   * its clipping, which would take most of the time and moves all candidates alike.
   */
  #searchScheme(): WeightScheme {
    const { mode, groupSize } = this.#conversion.request;
    return mode === 'float' ? USUAL_SCHEME : { bits: weightBits(mode), groupSize, clip: { kind: 'minmax' } };
  }

  /** Norms are all of one dtype in practice; where they are not, weights make up for that of the first one's. */
  #gainDtype(): WeightDtype {
    const norm = modelTensors(this.#conversion.config).find(({ role }) => role === 'norm');
    const tensor = norm && this.#conversion.model.tensors.get(norm.name);
    if (!tensor) throw new RangeError('the model has no norm');
    return tensor.dtype;
  }

  #scratchBytes(model: FloatModel): number {
    const { calibrator } = this.#settings;
    const { rounding, smoothing } = this.#treatment;
    const runs = [
      { hessian: false, cross: false, inputRows: 0 },
      ...(smoothing ? [smoothingNeeds(smoothing.alpha)] : []),
      ...(rounding.kind === 'gptq' ? [gptqNeeds(rounding)] : []),
    ];
    return calibrator ? Math.max(...runs.map((needs) => calibrator.scratchBytes(model, needs))) : 0;
  }

  /** Copies the side files, and lays out the weight files, or takes over those that an unfinished run laid out. */
  async #openFiles(): Promise<TensorWriter> {
    const { fileSystem, signal } = this.#settings;
    const output = this.#output;
    const weights = this.#remainingWeights();
    const fresh = weights.filter((file) => !output.takeOverPart(file));
    // What an unfinished run has on record as done must stand in files that are there.
    if (fresh.length > 0) output.removeScratch();
    for (const file of output.remaining) {
      signal.throwIfAborted();
      if (!weights.some(({ name }) => name === file.name)) await output.fill(file, () => undefined);
      else if (fresh.length > 0) output.layOut(file);
    }
    return new TensorWriter(fileSystem, weights, (file) => output.partOf(file));
  }

  #remainingWeights(): Conversion['weightFiles'] {
    const { remaining } = this.#output;
    return this.#conversion.weightFiles.filter(({ name }) => remaining.some((file) => file.name === name));
  }
}

/** The visitor for statistics that are of the model before it was smoothed. */
const ofSmoothed =
  (model: SmoothedFloatModel, visit: StageVisitor): StageVisitor =>
  async (stage) => {
    divideStatistics(stage.statistics, await model.columnFactors(stage.layer, stage.stage));
    return visit(stage);
  };

function required(calibrator: Calibrator | undefined): Calibrator {
  if (!calibrator) throw new RangeError('the treatment needs a calibrator');
  return calibrator;
}
