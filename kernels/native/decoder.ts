import type {
  AttentionOptions,
  EmbeddingOptions,
  KvCache,
  LinearOptions,
  RmsNormOptions,
  RopeOptions,
  Tensor,
  Weight,
} from '../backend.ts';
import { check } from '../check.ts';
import { checkAttention } from '../reference/attention.ts';
import { checkRope } from '../reference/rope.ts';
import { checkSoftCap } from '../reference/soft-cap.ts';
import type { NativeDevice } from './device.ts';
import { kvCacheOf } from './kv-cache.ts';
import { tensorOf, tensorOfShape } from './tensor.ts';
import { weightOf } from './weight.ts';

/** The operations of a decoder's layers: shapes are checked as the reference checks them, the library does the rest. */

export function embedding(
  device: NativeDevice,
  out: Tensor,
  table: Weight,
  tokenIds: Int32Array,
  { scale = 1 }: EmbeddingOptions = {},
): void {
  const operation = 'embedding';
  const { handle, kind, inFeatures, outFeatures } = weightOf(operation, table);
  check(kind === 'dense', operation, 'the table must be a float weight');
  const { buffer } = tensorOfShape(operation, 'out', out, tokenIds.length, inFeatures);
  tokenIds.forEach((id) => {
    check(id >= 0 && id < outFeatures, operation, `token id ${id} is outside the table of ${outFeatures} rows`);
  });
  device.run('embedding', { out: buffer, table: handle, token_ids: tokenIds, count: tokenIds.length, scale });
}

export function rmsNorm(device: NativeDevice, out: Tensor, x: Tensor, gain: Tensor, options: RmsNormOptions): void {
  const { rows, columns, buffer } = tensorOf('rmsNorm', 'x', x);
  const output = tensorOfShape('rmsNorm', 'out', out, rows, columns);
  const gains = tensorOfShape('rmsNorm', 'gain', gain, 1, columns);
  const { epsilon } = options;
  device.run('rms_norm', { out: output.buffer, x: buffer, gain: gains.buffer, rows, columns, epsilon });
}

export function rope(device: NativeDevice, x: Tensor, options: RopeOptions): void {
  const { headDim, firstPosition, inverseFrequencies, attentionFactor } = options;
  const { rows, columns, buffer } = tensorOf('rope', 'x', x);
  checkRope(columns, options);
  device.run('rope', {
    x: buffer,
    inverse_frequencies: inverseFrequencies,
    rows,
    columns,
    head_dim: headDim,
    first_position: firstPosition,
    attention_factor: attentionFactor,
  });
}

export async function attention(
  device: NativeDevice,
  [out, q, k, v]: readonly [out: Tensor, q: Tensor, k: Tensor, v: Tensor],
  cache: KvCache,
  options: AttentionOptions,
): Promise<void> {
  const operation = 'attention';
  const { heads, kvHeads, headDim, scale, softCap, slidingWindow } = options;
  const target = kvCacheOf(operation, cache);
  checkAttention(target, options);
  const { rows } = tensorOf(operation, 'q', q);
  const end = target.length + rows;
  check(end <= target.capacity, operation, `${rows} rows after ${target.length} pass the cache's ${target.capacity}`);
  const params = {
    out: tensorOfShape(operation, 'out', out, rows, heads * headDim).buffer,
    q: tensorOfShape(operation, 'q', q, rows, heads * headDim).buffer,
    k: tensorOfShape(operation, 'k', k, rows, kvHeads * headDim).buffer,
    v: tensorOfShape(operation, 'v', v, rows, kvHeads * headDim).buffer,
    cache: target.handle,
    rows,
    heads,
    sliding_window: slidingWindow ?? 0,
    scale,
    soft_cap: softCap ?? 0,
  };
  // Scores and weighted values, each of all heads and positions.
  await device.runLong(operation, params, 2 * rows * end * heads * headDim);
}

/** Two tensors of one shape to a third. */
export function elementwise(
  device: NativeDevice,
  name: 'silu_mul' | 'gelu_tanh_mul' | 'add',
  out: Tensor,
  a: Tensor,
  b: Tensor,
): void {
  const { rows, columns, buffer } = tensorOf(name, 'the first operand', a);
  const other = tensorOfShape(name, 'the second operand', b, rows, columns);
  const output = tensorOfShape(name, 'out', out, rows, columns);
  device.run(name, { out: output.buffer, a: buffer, b: other.buffer, count: rows * columns });
}

export function softCap(device: NativeDevice, x: Tensor, cap: number): void {
  checkSoftCap('softCap', cap);
  const { rows, columns, buffer } = tensorOf('softCap', 'x', x);
  device.run('soft_cap', { x: buffer, count: rows * columns, cap });
}

export async function linear(
  device: NativeDevice,
  out: Tensor,
  x: Tensor,
  weight: Weight,
  { decode }: LinearOptions = {},
): Promise<void> {
  const operation = 'linear';
  const { rows, columns, buffer } = tensorOf(operation, 'x', x);
  const { handle, inFeatures, outFeatures } = weightOf(operation, weight);
  check(columns === inFeatures, operation, `x has ${columns} columns, the weight takes ${inFeatures} features`);
  const output = tensorOfShape(operation, 'out', out, rows, outFeatures);
  check(output.buffer !== buffer, operation, 'out and x are the same memory');
  const params = {
    out: output.buffer,
    x: buffer,
    weight: handle,
    rows,
    quantize_single_row: decode === 'w8a8' ? 1 : 0,
    ...device.linearScratch(handle, rows),
  };
  await device.runLong(operation, params, rows * inFeatures * outFeatures);
}
