import { estimate, type Estimate } from '../eval/calibration/estimate.ts';
import { measureRates } from '../eval/calibration/measure-rates.ts';
import { modelFingerprint } from '../eval/calibration/model-fingerprint.ts';
import { StatisticsWriter } from '../eval/calibration/statistics-writer.ts';
import { convertCalibrated, type Phase } from '../quant/calibrated-convert.ts';
import type { StoredModel } from '../quant/checkpoint/stored-model.ts';
import { workerExecutor } from '../quant/conversion/executors.ts';
import { prepareConversion, type Conversion, type ConversionRequest } from '../quant/conversion/prepare.ts';
import { InputError, UsageError } from '../quant/errors.ts';
import { nodeFileSystem } from '../quant/file-system.ts';
import type { Calibrator } from '../quant/methods/calibration.ts';
import { checkRotatable } from '../quant/methods/rotation.ts';
import { needsCalibration } from '../quant/methods/treatment.ts';
import type { ManifestFile } from '../quant/output/manifest.ts';
import type { BackendFlags } from './backend.ts';
import { openCalibrator } from './calibration-argument.ts';
import type { CalibrationFlags } from './calibration-flags.ts';
import type { OutputFlags } from './convert-flags.ts';
import { describePlan, describeResult, planRows, summarize } from './convert-plan.ts';
import { lockOwner } from './lock-owner.ts';
import type { Progress } from './progress.ts';
import type { CommandContext, CommandOutcome } from './run-command.ts';
import { openSolver, type Solver } from './solver.ts';
import { formatBytes, formatSeconds } from './text.ts';
import { version } from './version.ts';

export interface CalibratedFlags extends OutputFlags, CalibrationFlags, Pick<BackendFlags, 'backend'> {
  dryRun?: boolean;
}

/**
 * Carries out a conversion that reads the model tensor by tensor, as one that treats it as a whole does, or says what it
 * would take.
 *
 * @param model that `acceptInput` took
 */
export async function convertWithModel(
  model: StoredModel,
  request: ConversionRequest,
  flags: CalibratedFlags,
  context: CommandContext,
): Promise<CommandOutcome> {
  const { output } = context;
  if (request.treatment.rotation) {
    checkRotatable(model.config);
    if (flags.stats) throw rotatedStatistics(flags.stats);
  }
  const solver = await openSolver(flags, output);
  try {
    const run = new CalibratedCommand(model, request, flags, context, solver);
    const result = flags.dryRun === true ? await run.describe() : await run.carryOut();
    return { result, backend: solver.used };
  } finally {
    solver.close();
  }
}

class CalibratedCommand {
  readonly #model: StoredModel;
  readonly #request: ConversionRequest;
  readonly #flags: CalibratedFlags;
  readonly #context: CommandContext;
  readonly #solver: Solver;
  #progress: Progress | undefined;

  constructor(
    model: StoredModel,
    request: ConversionRequest,
    flags: CalibratedFlags,
    context: CommandContext,
    solver: Solver,
  ) {
    this.#model = model;
    this.#request = request;
    this.#flags = flags;
    this.#context = context;
    this.#solver = solver;
  }

  /** The plan, and what the work would take on this machine. */
  async describe(): Promise<object> {
    const { output } = this.#flags;
    const conversion = this.#prepare(undefined);
    const { backend, algebra } = this.#solver;
    const { treatment } = this.#request;
    const rates = await measureRates(backend, algebra, { bits: 8, groupSize: 0, clip: this.#request.clip });
    const text = needsCalibration(treatment) ? this.#flags : undefined;
    const expected = estimate(this.#model.config, treatment, text, rates, process.memoryUsage.rss());
    this.#context.output.print(`${describePlan(conversion)}\n${describeEstimate(expected)}`);
    return { ...summarize(conversion, output, []), estimate: expected, plan: planRows(conversion) };
  }

  async carryOut(): Promise<object> {
    if (!needsCalibration(this.#request.treatment)) return this.#convert(undefined);
    const report = (done: number, total: number, label: string): void => {
      this.#report(done, total, label);
    };
    const { calibrator, close } = await openCalibrator(this.#model, this.#flags, this.#solver, this.#context, report);
    try {
      return await this.#convert(calibrator);
    } finally {
      close();
    }
  }

  async #convert(calibrator: Calibrator | undefined): Promise<object> {
    const { output } = this.#flags;
    const conversion = this.#prepare(calibrator);
    const statistics = calibrator && this.#openStatistics(calibrator);
    try {
      const files = await this.#write(conversion, calibrator, statistics);
      statistics?.finish();
      this.#context.output.print(describeResult(conversion, output, files));
      const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
      return { ...summarize(conversion, output, files), peakMemoryBytes };
    } catch (error) {
      if (error instanceof InputError) statistics?.discard();
      throw error;
    } finally {
      statistics?.close();
    }
  }

  #prepare(calibrator: Calibrator | undefined): Conversion {
    const calibration = calibrator && { ...calibrator.facts, backend: calibrator.backend };
    const conversion = prepareConversion(nodeFileSystem, this.#model, { ...this.#request, calibration });
    for (const warning of conversion.warnings) this.#context.output.warn(warning);
    return conversion;
  }

  #openStatistics({ facts }: Calibrator): StatisticsWriter | undefined {
    const { saveStats: path, overwrite = false } = this.#flags;
    if (path === undefined) return undefined;
    return StatisticsWriter.open({
      fileSystem: nodeFileSystem,
      path,
      config: this.#model.config,
      facts: { ...facts, version, model: modelFingerprint(this.#model) },
      hessians: this.#request.treatment.rounding.kind === 'gptq',
      overwrite,
    });
  }

  async #write(
    conversion: Conversion,
    calibrator: Calibrator | undefined,
    statistics: StatisticsWriter | undefined,
  ): Promise<ManifestFile[]> {
    const { output, signal } = this.#context;
    const executor = workerExecutor(1);
    try {
      return await convertCalibrated(conversion, {
        fileSystem: nodeFileSystem,
        output: this.#flags.output,
        executor,
        algebra: this.#solver.algebra,
        calibrator,
        statistics,
        owner: lockOwner(),
        version,
        signal,
        overwrite: this.#flags.overwrite ?? false,
        resume: this.#flags.resume ?? false,
        onNote: (text) => {
          output.note(text);
        },
        onWarning: (text) => {
          output.warn(text);
        },
        onPhase: (phase) => {
          this.#begin(phase);
        },
        onProgress: (done, total, label) => {
          this.#report(done, total, label);
        },
      });
    } finally {
      this.#progress?.finish();
      await executor.close();
    }
  }

  #phase: Phase | undefined;

  #begin(phase: Phase): void {
    this.#progress?.finish();
    this.#progress = undefined;
    this.#phase = phase;
  }

  #report(done: number, total: number, label: string): void {
    this.#progress ??= this.#context.output.progress({ label: this.#phase ?? 'convert', total, unit: 'steps' });
    this.#progress.update(done, label);
  }
}

function describeEstimate({ smoothSeconds, roundSeconds, seconds, memoryBytes }: Estimate): string {
  const parts =
    smoothSeconds > 0 ? ` (smoothing ${formatSeconds(smoothSeconds)}, rounding ${formatSeconds(roundSeconds)})` : '';
  return `about ${formatSeconds(seconds)} on this machine${parts}, ${formatBytes(memoryBytes)} of memory`;
}

/** Saved statistics are those of the model as it is; maxima of a rotated one do not follow from them. */
function rotatedStatistics(files: readonly string[]): UsageError {
  return new UsageError('--stats: saved statistics are those of the model before it is rotated', {
    code: 'E_STATISTICS_ROTATED',
    hint: 'leave --rotate away, or give a text with --data instead of --stats',
    details: { files: [...files] },
  });
}
