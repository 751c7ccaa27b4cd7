import { setImmediate } from 'node:timers/promises';
import type { Backend } from '../../kernels/backend.ts';
import { UsageError } from '../../quant/errors.ts';
import { stages, type Calibrator, type StatisticsNeeds } from '../../quant/methods/calibration.ts';
import type { CalibrationHooks } from './calibration-pass.ts';
import { outputErrorOf } from './output-error.ts';
import type { SavedStatistics } from './saved-statistics.ts';
import { readStage } from './stage-linears.ts';

export interface SavedCalibratorOptions extends CalibrationHooks {
  saved: SavedStatistics;
  /** For errors of outputs alone: no model is run. */
  backend: Backend;
}

/**
 * A calibrator that shows saved statistics, those of the untreated float model, whatever model it is given. What is
 * returned to it changes nothing. It is quick, so that a run always starts anew.
 */
export function savedCalibrator({ saved, backend, signal, onProgress }: SavedCalibratorOptions): Calibrator {
  return {
    facts: saved.facts,
    backend: 'saved statistics',
    sequential: false,
    async run({ model, needs, visit, onCheckpoint }) {
      refuseNeeds(needs, saved);
      const { layers } = model.config;
      for (let layer = 0; layer < layers; layer++) {
        for (const [index, stage] of stages.entries()) {
          await setImmediate();
          signal.throwIfAborted();
          const weights = await readStage(model, layer, stage);
          await visit({ layer, stage, statistics: saved.read(layer, stage), weights });
          onProgress(layer * stages.length + index + 1, layers * stages.length, `layer ${layer}, ${stage}`);
        }
      }
      onCheckpoint(layers);
    },
    scratchBytes: () => 0,
    outputError: (inputs, weights, scheme) => outputErrorOf(backend, inputs, weights, scheme),
  };
}

/** @throws UsageError `E_STATISTICS_LACK` */
function refuseNeeds({ hessian, cross, inputRows }: StatisticsNeeds, { hasHessians }: SavedStatistics): void {
  const lacking = [
    ...(hessian && !hasHessians ? ['Hessians'] : []),
    ...(cross ? ['errors of earlier layers'] : []),
    ...(inputRows > 0 ? ['activations'] : []),
  ];
  if (lacking.length === 0) return;
  throw new UsageError(`the saved statistics hold no ${lacking.join(' and no ')}, which the method needs`, {
    code: 'E_STATISTICS_LACK',
    hint: 'give a text with --data instead of --stats',
    details: { lacking },
  });
}
