import type { CrossEntropyOptions, Divergence, DivergenceOptions, SampleOptions, Tensor, Weight } from '../backend.ts';
import { check } from '../check.ts';
import { checkDivergence } from '../reference/divergence.ts';
import { checkSampleOptions } from '../reference/sample.ts';
import { checkSoftCap } from '../reference/soft-cap.ts';
import type { NativeDevice } from './device.ts';
import { tensorOf } from './tensor.ts';
import { weightOf } from './weight.ts';

/** From hidden states and logits to losses and tokens. */

export async function crossEntropy(
  device: NativeDevice,
  x: Tensor,
  head: Weight,
  targets: Int32Array,
  { softCap }: CrossEntropyOptions = {},
): Promise<Float64Array> {
  const operation = 'crossEntropy';
  checkSoftCap(operation, softCap);
  const { rows, columns, buffer } = tensorOf(operation, 'x', x);
  const { handle, inFeatures, outFeatures } = weightOf(operation, head);
  check(columns === inFeatures, operation, `x has ${columns} columns, the head takes ${inFeatures} features`);
  check(targets.length === rows, operation, `${rows} rows need as many targets, not ${targets.length}`);
  // A copy, as the caller may write to its array while the library reads.
  const ownTargets = targets.slice();
  ownTargets.forEach((target) => {
    check(target >= -1 && target < outFeatures, operation, `target ${target} is outside the ${outFeatures} tokens`);
  });
  const losses = new Float64Array(rows);
  const scratch = device.crossEntropyScratch(handle, rows);
  const params = { x: buffer, head: handle, targets: ownTargets, losses, rows, soft_cap: softCap ?? 0, ...scratch };
  await device.runLong('cross_entropy', params, rows * inFeatures * outFeatures);
  return losses;
}

export async function divergence(
  device: NativeDevice,
  [x, baseX]: readonly [Tensor, Tensor],
  [head, baseHead]: readonly [Weight, Weight],
  options: DivergenceOptions = {},
): Promise<Divergence> {
  const operation = 'divergence';
  const [model, base] = [tensorOf(operation, 'x', x), tensorOf(operation, 'baseX', baseX)];
  const [modelHead, otherHead] = [weightOf(operation, head), weightOf(operation, baseHead)];
  checkDivergence([model, base], [modelHead, otherHead], options);
  const { firstRow = 0, softCap = 0 } = options;
  const { rows } = model;
  const count = rows - firstRow;
  const result = { divergences: new Float64Array(count), sameTop: new Uint8Array(count) };
  const params = {
    x: model.buffer,
    head: modelHead.handle,
    base_x: base.buffer,
    base_head: otherHead.handle,
    divergences: result.divergences,
    same_top: result.sameTop,
    rows,
    first_row: firstRow,
    soft_cap: softCap,
    ...device.divergenceScratch(modelHead.handle, otherHead.handle, count),
  };
  await device.runLong(operation, params, count * (model.columns + base.columns) * modelHead.outFeatures);
  return result;
}

export function argmax(device: NativeDevice, logits: Tensor): Int32Array {
  const { rows, columns, buffer } = tensorOf('argmax', 'logits', logits);
  const tokenIds = new Int32Array(rows);
  device.run('argmax', { logits: buffer, token_ids: tokenIds, rows, columns });
  return tokenIds;
}

const coldest = { temperature: 1, top_k: 1 };

export function sample(device: NativeDevice, logits: Tensor, options: SampleOptions): number {
  checkSampleOptions(options);
  const { topK = 0, topP = 1, random } = options;
  // The limit of lower and lower temperatures is the largest logit alone, at any temperature.
  const { temperature, top_k } = options.temperature === 0 ? coldest : { ...options, top_k: topK };
  const { rows, columns, buffer } = tensorOf('sample', 'logits', logits);
  const params = { logits: buffer, rows, columns, temperature, top_k, top_p: topP, random, token_id: 0 };
  return device.ask('sample', params)['token_id'];
}
