import { weightBits, type QuantizedLinear } from '../quant/checkpoint/compressed-tensors.ts';
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

export function planRow(tensor: PlannedTensor): PlanRow {
  const action = tensor.kind === 'copy' ? `copy (${tensor.reason})` : describeLinear(tensor.linear);
  return {
    name: tensor.source.name,
    action: `${tensor.source.dtype} → ${action}`,
    shape: tensor.source.shape,
    bytesIn: tensor.source.bytes,
    bytesOut: outputBytes(tensor),
  };
}

export function describePlan(conversion: Conversion): string {
  const rows = conversion.tensors.map(planRow);
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
  const { mode, groupSize } = conversion.request;
  return {
    output,
    mode,
    ...(mode !== 'float' && { groupSize, format: 'compressed-tensors' }),
    tensors: countTensors(conversion),
    bytes: conversion.bytes,
    files,
  };
}

export function describeResult(conversion: Conversion, output: string, files: readonly ManifestFile[]): string {
  const { quantized, copied } = countTensors(conversion);
  const { in: bytesIn, out: bytesOut } = conversion.bytes;
  return [
    `${printable(output)}: ${describeScheme(conversion)}, ${files.length} files`,
    `${quantized} tensors quantized, ${copied} copied; ${formatBytes(bytesIn)} → ${formatBytes(bytesOut)}`,
  ].join('\n');
}

function describeScheme({ request: { mode, groupSize } }: Conversion): string {
  if (mode === 'float') return 'float';
  return `${mode}, ${groupSize === 0 ? 'per channel' : `groups of ${groupSize}`}`;
}

function describeLinear({ mode, groupSize }: QuantizedLinear): string {
  return `int${weightBits(mode)} ${groupSize === 0 ? 'per channel' : `by ${groupSize}`}`;
}

function countTensors({ tensors }: Conversion): { quantized: number; copied: number } {
  const quantized = tensors.filter(({ kind }) => kind === 'quantize').length;
  return { quantized, copied: tensors.length - quantized };
}
