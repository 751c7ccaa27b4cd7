import { referenceLinearAlgebra } from '../../kernels/reference/linear-algebra.ts';
import { convertCalibrated } from '../calibrated-convert.ts';
import { openModel } from '../checkpoint/open-model.ts';
import type { StoredModel } from '../checkpoint/stored-model.ts';
import { convert } from '../convert.ts';
import { nodeFileSystem } from '../file-system.ts';
import { noTreatment } from '../methods/treatment.ts';
import { acceptInput, type Route } from './accept-input.ts';
import { inlineExecutor } from './executors.ts';
import { prepareConversion, type ConversionRequest } from './prepare.ts';

export interface Converted {
  route: Route;
  warnings: readonly string[];
}

/** What tests ask for unless they say otherwise. */
export const usualRequest: ConversionRequest = {
  mode: 'w4a16',
  groupSize: 32,
  clip: { kind: 'minmax' },
  ignore: [],
  onIndivisible: 'error',
  maxShardBytes: 1e9,
  treatment: noTreatment,
};

/** Converts a model as `cider convert` does, but in this thread; treatments that need no calibration. */
export async function convertModel(
  source: string,
  output: string,
  edit: Partial<ConversionRequest>,
): Promise<Converted> {
  const input = openModel(source);
  const executor = inlineExecutor(nodeFileSystem);
  const warnings: string[] = [];
  const nothing = (): void => undefined;
  try {
    const asked = { ...usualRequest, ...edit };
    const { route, request } = acceptInput(input, asked, {
      allowQuantized: asked.mode === 'float',
      onWarning: (text) => warnings.push(text),
    });
    const conversion = prepareConversion(nodeFileSystem, input, request);
    const settings = {
      fileSystem: nodeFileSystem,
      output,
      executor,
      owner: { pid: 1, host: 'here', isAlive: () => false },
      version: 'test',
      signal: new AbortController().signal,
      overwrite: true,
      resume: false,
      onNote: nothing,
      onProgress: nothing,
    };
    const calibrated = { algebra: referenceLinearAlgebra, calibrator: undefined, onWarning: nothing, onPhase: nothing };
    if (route === 'bytes' && request.treatment === noTreatment) await convert(conversion, settings);
    else await convertCalibrated(conversion, { ...settings, ...calibrated });
    return { route, warnings: [...warnings, ...conversion.warnings] };
  } finally {
    await executor.close();
    input.close();
  }
}

/** Looks at a model and closes it. */
export function inspectModel<T>(path: string, look: (model: StoredModel) => T): T {
  const model = openModel(path);
  try {
    return look(model);
  } finally {
    model.close();
  }
}

/** Values of a tensor of the float layout. */
export function valuesOf(model: StoredModel, name: string): Float32Array {
  const tensor = model.tensors.get(name);
  if (!tensor) throw new Error(`no ${name}`);
  return tensor.readFloats();
}
