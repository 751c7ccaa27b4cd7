import { setImmediate } from 'node:timers/promises';
import type { FloatModel } from '../methods/float-model.ts';
import { quantizeRows } from '../schemes/quantize-rows.ts';
import { groupsPerRow } from '../schemes/scheme.ts';
import type { LinearCodes, LinearWriter, PlannedLinear } from './linear-writer.ts';

/** Quantizes every layer by itself, and writes it. */
export async function quantizeToNearest(
  model: FloatModel,
  linears: LinearWriter,
  signal: AbortSignal,
  onProgress: (done: number, total: number, module: string) => void,
): Promise<void> {
  const { modules } = linears;
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
export function roundToNearest(values: Float32Array, { rows, columns, scheme }: PlannedLinear): LinearCodes {
  const codes = new Int8Array(rows * columns);
  const scales = new Float32Array(rows * groupsPerRow(columns, scheme.groupSize));
  quantizeRows({ dtype: 'F32', data: values, rows, columns }, scheme, codes, scales);
  return { codes, scales };
}
