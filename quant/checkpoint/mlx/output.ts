import { withMembers } from '../added-members.ts';
import type { QuantizedModel } from '../compressed-tensors.ts';
import { weightBits } from '../compressed-tensors.ts';
import type { ModelConfig } from '../hf-config.ts';
import { isJsonObject } from '../strict-json.ts';
import type { TensorSpec } from '../tensor-size.ts';
import type { WeightDtype } from '../weight-dtype.ts';
import { wordsOf } from '../bit-stream.ts';

/** The tensors that replace `module.weight` of `shape` [N, K] in mode affine: codes, scales, biases. */
export function mlxTensors(
  module: string,
  [rows, columns]: readonly number[],
  bits: 8 | 4,
  groupSize: number,
  scaleDtype: WeightDtype,
): TensorSpec[] {
  const groups = [rows, columns / groupSize];
  return [
    { name: `${module}.weight`, dtype: 'U32', shape: [rows, wordsOf('dense', columns, bits)] },
    { name: `${module}.scales`, dtype: scaleDtype, shape: groups },
    { name: `${module}.biases`, dtype: scaleDtype, shape: groups },
  ];
}

/**
 * The text of config.json with what mlx-lm reads, and writes: `quantization`, and the same again as `quantization_config`.
 * Modules that stay float are named. mlx-lm takes embeddings for tied where its config does not say, so that it is said.
 *
 * @throws InputError as `withMembers`
 */
export function withMlxQuantization(
  configText: string,
  { raw, tieWordEmbeddings }: Pick<ModelConfig, 'raw' | 'tieWordEmbeddings'>,
  { mode, groupSize, ignore }: QuantizedModel,
): string {
  const quantization = {
    group_size: groupSize,
    bits: weightBits(mode),
    mode: 'affine',
    ...Object.fromEntries(ignore.map((module) => [module, false])),
  };
  const isSaid = isJsonObject(raw) && (raw.get('tie_word_embeddings') ?? undefined) !== undefined;
  return withMembers(configText, {
    ...(!isSaid && { tie_word_embeddings: tieWordEmbeddings }),
    quantization,
    quantization_config: quantization,
  });
}
