import type { SampleOptions, Tensor, Weight } from '../backend.ts';
import { check } from '../check.ts';
import { checkSampleOptions } from '../reference/sample.ts';
import type { NativeDevice } from './device.ts';
import { tensorOf } from './tensor.ts';
import { weightOf } from './weight.ts';

/** From hidden states and logits to losses and tokens. */

export async function crossEntropy(
  device: NativeDevice,
  x: Tensor,
  head: Weight,
  targets: Int32Array,
): Promise<Float64Array> {
  const operation = 'crossEntropy';
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
  const params = { x: buffer, head: handle, targets: ownTargets, losses, rows, ...scratch };
  await device.runLong('cross_entropy', params, rows * inFeatures * outFeatures);
  return losses;
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
