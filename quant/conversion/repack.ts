import { setImmediate } from 'node:timers/promises';
import { modelTensors } from '../checkpoint/architecture.ts';
import { weightBits } from '../checkpoint/compressed-tensors.ts';
import type { StoredModel, StoredTensor } from '../checkpoint/stored-model.ts';
import { InputError } from '../errors.ts';
import { inputTensors } from './input-tensors.ts';
import type { LinearWriter } from './linear-writer.ts';
import { formatOf, planTensors, type PlanOptions } from './plan.ts';
import { repackedScales } from './repacked-scales.ts';

/** Whether a quantized model can be written in another format without a change in any code or scale. */
export type RepackVerdict =
  | {
      possible: true;
      /** Modules that the format could hold quantized, and that are float in the input and stay so: for `PlanOptions.ignore`. */
      float: readonly string[];
      /** Weights that become float, with just the values that they had. */
      dequantized: readonly string[];
    }
  | { possible: false; tensor: string; why: string };

/**
 * Looks whether every weight that the request quantizes has codes already that its format can hold as they are: of its bits,
 * in groups that can be cut or merged into those that are asked for (merged only where their scales are equal), with scales
 * and biases that it has. Scales are read, codes where there is no other way.
 *
 * A scale of a whole row, which MLX does not have, is repeated for each group. What the codes are multiplied by, and what
 * for, is the format's: MLX rounds values to the dtype of the scales at other points than compressed-tensors does.
 *
 * @throws UsageError, InputError as `planTensors`; InputError for scales that cannot be
 */
export function canRepack(model: StoredModel, request: PlanOptions): RepackVerdict {
  const format = formatOf(request);
  const float = modelTensors(model.config).flatMap((expected) => {
    const tensor = format.canQuantize(expected) ? model.tensors.get(expected.name) : undefined;
    return tensor && isFloat(tensor) ? [expected.module] : [];
  });
  const options = { ...request, ignore: [...request.ignore, ...float], repack: true };
  const plan = planTensors({ tensors: inputTensors(model) }, model.config, options);
  const dequantized: string[] = [];
  for (const planned of plan.tensors) {
    const { name } = planned.source;
    const tensor = model.tensors.get(name);
    if (!tensor) continue;
    if (planned.kind === 'copy') {
      if (!isFloat(tensor)) dequantized.push(name);
      continue;
    }
    const why = obstacle(model, tensor, weightBits(planned.linear.mode));
    if (why !== undefined) return { possible: false, tensor: name, why };
    const scales = repackedScales(tensor, planned.linear, format.name);
    if (typeof scales === 'string') return { possible: false, tensor: name, why: scales };
  }
  return { possible: true, float, dequantized };
}

const isFloat = ({ stored, dtype }: StoredTensor): boolean => stored === dtype;

/** What speaks against it before any scale is read. */
function obstacle({ format }: StoredModel, { codes, stored }: StoredTensor, bits: 8 | 4): string | undefined {
  if (!codes) return `it is stored as ${stored}, not in integer codes`;
  if (codes.bits !== bits) return `its codes have ${codes.bits} bits, not ${bits}`;
  if (codes.exact || format === 'mlx') return undefined;
  // Both formats round values in the dtype of their scales, and that alone keeps these from being exact. Zero points are
  // another matter: as biases they are rounded themselves.
  if (format === 'compressed-tensors' && codes.kind === 'symmetric') return undefined;
  return `its values are not just those of its codes (${stored})`;
}

/**
 * Writes the codes of the model as they are into the layers of a conversion that `canRepack` found possible.
 *
 * @throws InputError `E_NEEDS_REQUANTIZING` if it is not
 */
export async function repackCodes(
  model: StoredModel,
  linears: LinearWriter,
  signal: AbortSignal,
  onProgress: (done: number, total: number, module: string) => void,
): Promise<void> {
  const { modules, format } = linears;
  for (const [index, module] of modules.entries()) {
    signal.throwIfAborted();
    const linear = linears.find(module);
    const tensor = model.tensors.get(`${module}.weight`);
    if (linear && tensor) {
      const scales = repackedScales(tensor, linear, format);
      if (typeof scales === 'string') throw needsRequantizing(tensor, scales);
      if (!tensor.codes) throw needsRequantizing(tensor, `it is stored as ${tensor.stored}`);
      linears.write(linear, { ...tensor.codes.read(), ...scales });
    }
    onProgress(index + 1, modules.length, module);
    // Lets signals through.
    await setImmediate();
  }
}

function needsRequantizing({ file, name }: StoredTensor, why: string): InputError {
  return new InputError(`${file}: tensor ${JSON.stringify(name)} needs requantizing: ${why}`, {
    code: 'E_NEEDS_REQUANTIZING',
    hint: '--allow-requantize dequantizes the weights and rounds them again; better start from the float checkpoint',
    details: { file, tensor: name },
  });
}
