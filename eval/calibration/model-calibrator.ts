import type { Backend } from '../../kernels/backend.ts';
import type { LinearAlgebra } from '../../kernels/linear-algebra.ts';
import type { FileSystem } from '../../quant/file-system.ts';
import type { CalibrationFacts, Calibrator } from '../../quant/methods/calibration.ts';
import { calibrate } from './calibrate.ts';
import { trackNames, type CalibrationHooks } from './calibration-pass.ts';
import { CalibrationFolder } from './calibration-folder.ts';
import { outputErrorOf } from './output-error.ts';
import { WindowFile, windowStarts } from './window-file.ts';

export interface ModelCalibratorOptions extends CalibrationHooks {
  backend: Backend;
  algebra: LinearAlgebra;
  fileSystem: FileSystem;
  windows: readonly Int32Array[];
  facts: CalibrationFacts;
  /** Work of this long may be lost to a crash; default: that of `CalibrationFolder`. */
  intervalMs?: number | undefined;
}

/** Files of hidden states that a track has at most: those that are kept, those before the present layer, those after it. */
const FILES_PER_TRACK = 3;

/** A calibrator that runs the models on a backend. */
export function modelCalibrator(options: ModelCalibratorOptions): Calibrator {
  const { backend, algebra, fileSystem, windows, facts, intervalMs, signal, onProgress } = options;
  const { name, isa } = backend.info;
  const starts = windowStarts(windows);
  return {
    facts,
    backend: `${name} ${isa}`,
    sequential: true,
    async run({ model, needs, visit, replaces, ...kept }) {
      const { hiddenSize, layers } = model.config;
      const tracks = trackNames(needs);
      const folder = new CalibrationFolder({ ...kept, fileSystem, starts, hiddenSize, layers, tracks, intervalMs });
      const request = { model, windows, backend, algebra, needs, visit, replaces };
      await calibrate(request, folder, { signal, onProgress }, kept.onResume);
    },
    scratchBytes({ config }, needs) {
      const { hiddenSize, heads, headDim, intermediateSize } = config;
      const hidden = WindowFile.bytes(starts, hiddenSize) * FILES_PER_TRACK;
      const spill = WindowFile.bytes(starts, Math.max(heads * headDim, intermediateSize));
      // The float track goes on at once, and spills nothing.
      return trackNames(needs).length * hidden + spill;
    },
    outputError: (inputs, weights, scheme) => outputErrorOf(backend, inputs, weights, scheme),
  };
}
