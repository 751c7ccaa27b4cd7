import { weightBits, type QuantizedLinear } from '../quant/checkpoint/compressed-tensors.ts';
import type { StoredModel } from '../quant/checkpoint/stored-model.ts';
import { outputBytes, type PlannedTensor } from '../quant/conversion/plan.ts';
import type { Conversion } from '../quant/conversion/prepare.ts';
import type { ManifestFile } from '../quant/output/manifest.ts';
import { formatBytes, formatTable, left, printable, right } from './text.ts';

/** What is said of a conversion before and after it. */

export interface PlanRow {
  name: string;
  action: string;
  shape: readonly number[];
  bytesIn: number;
  bytesOut: number;
}

export const planRows = ({ tensors, model }: Conversion): PlanRow[] => tensors.map((tensor) => planRow(tensor, model));

function planRow(tensor: PlannedTensor, model: StoredModel): PlanRow {
  const stored = model.tensors.get(tensor.source.name)?.stored ?? tensor.source.dtype;
  const copied = isDequantized(tensor, model) ? tensor.source.dtype : `copy`;
  const action = tensor.kind === 'copy' ? `${copied} (${tensor.reason})` : describeLinear(tensor.linear);
  return {
    name: tensor.source.name,
    action: `${stored} → ${action}`,
    shape: tensor.source.shape,
    bytesIn: tensor.source.bytes,
    bytesOut: outputBytes(tensor),
  };
}

export function describePlan(conversion: Conversion): string {
  const rows = planRows(conversion);
  const { in: bytesIn, out: bytesOut } = conversion.bytes;
  const table = formatTable(
    [left('tensor'), right('shape'), left('becomes'), right('before'), right('after')],
    rows.map((row) => [
      printable(row.name),
      row.shape.join(' × '),
      row.action,
      formatBytes(row.bytesIn),
      formatBytes(row.bytesOut),
    ]),
  );
  return `${table}\n\n${rows.length} tensors: ${formatBytes(bytesIn)} → ${formatBytes(bytesOut)} with all files`;
}

/** The `result` of the JSON document. */
export function summarize(conversion: Conversion, output: string, files: readonly ManifestFile[]): object {
  const { mode, groupSize, format = 'compressed-tensors' } = conversion.request;
  return {
    output,
    mode,
    ...(mode !== 'float' && { groupSize, format }),
    tensors: countTensors(conversion),
    bytes: conversion.bytes,
    files,
  };
}

export function describeResult(conversion: Conversion, output: string, files: readonly ManifestFile[]): string {
  const { quantized, dequantized = 0, copied } = countTensors(conversion);
  const verb = conversion.request.repack === true ? 'repacked' : 'quantized';
  const counts = [`${quantized} tensors ${verb}`, ...(dequantized > 0 ? [`${dequantized} dequantized`] : [])];
  const { in: bytesIn, out: bytesOut } = conversion.bytes;
  return [
    `${printable(output)}: ${describeScheme(conversion)}, ${files.length} files`,
    `${counts.join(', ')}, ${copied} copied; ${formatBytes(bytesIn)} → ${formatBytes(bytesOut)}`,
  ].join('\n');
}

function describeScheme({ request: { mode, groupSize } }: Conversion): string {
  if (mode === 'float') return 'float';
  return `${mode}, ${groupSize === 0 ? 'per channel' : `groups of ${groupSize}`}`;
}

function describeLinear({ mode, groupSize }: QuantizedLinear): string {
  return `int${weightBits(mode)} ${groupSize === 0 ? 'per channel' : `by ${groupSize}`}`;
}

interface TensorCounts {
  quantized: number;
  /** Those that become floats; left away where the input is float. */
  dequantized?: number;
  copied: number;
}

function countTensors({ tensors, model }: Conversion): TensorCounts {
  const quantized = tensors.filter(({ kind }) => kind === 'quantize').length;
  if (model.scheme === undefined) return { quantized, copied: tensors.length - quantized };
  const dequantized = tensors.filter((tensor) => isDequantized(tensor, model)).length;
  return { quantized, dequantized, copied: tensors.length - quantized - dequantized };
}

/** Whether a tensor becomes floats that it is not in the input. */
function isDequantized({ kind, source }: PlannedTensor, { tensors }: StoredModel): boolean {
  const stored = tensors.get(source.name)?.stored;
  return kind === 'copy' && stored !== undefined && stored !== source.dtype;
}
