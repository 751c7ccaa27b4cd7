import type { Backend } from '../kernels/backend.ts';
import { openReferenceBackend } from '../kernels/reference/backend.ts';
import { referenceLinearAlgebra } from '../kernels/reference/linear-algebra.ts';
import { calibrate } from '../eval/calibration/calibrate.ts';
import { CalibrationFolder } from '../eval/calibration/calibration-folder.ts';
import { trackNames } from '../eval/calibration/calibration-pass.ts';
import { windowStarts } from '../eval/calibration/window-file.ts';
import { nodeFileSystem, type FileSystem } from '../quant/file-system.ts';
import type { StageVisit, StageVisitor, StatisticsNeeds } from '../quant/methods/calibration.ts';
import type { FloatModel } from '../quant/methods/float-model.ts';

export interface CalibrationTrial {
  model: FloatModel;
  windows: readonly Int32Array[];
  folder: string;
  needs?: Partial<StatisticsNeeds>;
  /** Default: nothing is replaced, and the stages of a layer are gathered one by one all the same. */
  visit?: StageVisitor;
  replaces?: boolean;
  backend?: Backend;
  fileSystem?: FileSystem;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number, label: string) => void;
  onCheckpoint?: (nextLayer: number) => void;
  fingerprint?: Record<string, string>;
  /** Default: what is done is kept after every layer. */
  intervalMs?: number;
}

/** Calibrates on the reference backend. @returns what was visited, and where the run went on if it did */
export async function runCalibration(trial: CalibrationTrial): Promise<{ visits: StageVisit[]; resumed?: number }> {
  const { model, windows, folder, fingerprint = {}, intervalMs = 0 } = trial;
  const { hiddenSize, layers } = model.config;
  const needs = { hessian: true, cross: false, inputRows: 0, ...trial.needs };
  const visits: StageVisit[] = [];
  const result: { visits: StageVisit[]; resumed?: number } = { visits };
  const backend = trial.backend ?? openReferenceBackend();
  const hidden = new CalibrationFolder({
    fileSystem: trial.fileSystem ?? nodeFileSystem,
    folder,
    name: 'trial',
    fingerprint,
    starts: windowStarts(windows),
    hiddenSize,
    layers,
    tracks: trackNames(needs),
    onCheckpoint: trial.onCheckpoint ?? (() => undefined),
    intervalMs,
  });
  const request = {
    model,
    windows,
    backend,
    algebra: referenceLinearAlgebra,
    needs,
    replaces: trial.replaces ?? true,
    visit: async (visit: StageVisit) => {
      const replaced = await trial.visit?.(visit);
      visits.push(visit);
      return replaced;
    },
  };
  const hooks = {
    signal: trial.signal ?? new AbortController().signal,
    onProgress: trial.onProgress ?? (() => undefined),
  };
  await calibrate(request, hidden, hooks, (nextLayer) => {
    result.resumed = nextLayer;
  });
  return result;
}
