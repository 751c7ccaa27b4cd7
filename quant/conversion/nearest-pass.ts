import { setImmediate } from 'node:timers/promises';
import type { ReadCodes } from '../checkpoint/stored-model.ts';
import type { FloatModel } from '../methods/float-model.ts';
import { quantizeAffine } from '../schemes/quantize-affine.ts';
import { quantizeRows } from '../schemes/quantize-rows.ts';
import { groupsPerRow } from '../schemes/scheme.ts';
import type { LinearWriter, PlannedLinear } from './linear-writer.ts';

/** Quantizes each of the layers by itself, and writes it. */
export async function quantizeToNearest(
  model: FloatModel,
  linears: LinearWriter,
  modules: readonly string[],
  signal: AbortSignal,
  onProgress: (done: number, total: number, module: string) => void,
): Promise<void> {
  for (const [index, module] of modules.entries()) {
    signal.throwIfAborted();
    const linear = linears.find(module);
    if (linear) linears.write(linear, roundToNearest(await model.read(`${module}.weight`), linear));
    onProgress(index + 1, modules.length, module);
    // Lets signals through.
    await setImmediate();
  }
}

/** @param values `[rows, columns]` */
export function roundToNearest(values: Float32Array, { rows, columns, scheme, rule }: PlannedLinear): ReadCodes {
  const source = { dtype: 'F32', data: values, rows, columns } as const;
  if (rule === 'affine') return { kind: 'affine', ...quantizeAffine(source, scheme.bits, scheme.groupSize) };
  const codes = new Int8Array(rows * columns);
  const scales = new Float32Array(rows * groupsPerRow(columns, scheme.groupSize));
  quantizeRows(source, scheme, codes, scales);
  return { kind: 'symmetric', codes, scales };
}
