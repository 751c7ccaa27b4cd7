import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { quoted } from '../../quant/checkpoint/quoted.ts';
import type { TensorSpec } from '../../quant/checkpoint/tensor-size.ts';
import { InputError } from '../../quant/errors.ts';
import { stages, type CalibrationFacts, type Stage } from '../../quant/methods/calibration.ts';
import { stageColumns } from './stage-linears.ts';

/*
 * A statistics file is a safetensors file with F32 tensors `layers.N.STAGE.absmax` [K] of every stage of every layer, and
 * `layers.N.STAGE.hessian` [K, K] of all or none. What they are of stands in its metadata, all of it as text: `schema`,
 * `version` of this program, `model` (see `modelFingerprint`), `data`, `tokens_sha256`, `samples`, `seq_len`, and
 * `tokens`, their product.
 */

export const STATISTICS_SCHEMA = 'cider.statistics/1';

/** What statistics are of. */
export interface StatisticsFacts extends CalibrationFacts {
  /** Of the program that gathered them. */
  version: string;
  /** Fingerprint of the model that they are of. */
  model: string;
}

export const absmaxName = (layer: number, stage: Stage): string => `layers.${layer}.${stage}.absmax`;
export const hessianName = (layer: number, stage: Stage): string => `layers.${layer}.${stage}.hessian`;

/** All tensors of a file. */
export function statisticsTensors(config: ModelConfig, hessians: boolean): TensorSpec[] {
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  return layers.flatMap((layer) =>
    stages.flatMap((stage): TensorSpec[] => {
      const columns = stageColumns(config, stage);
      const absmax: TensorSpec = { name: absmaxName(layer, stage), dtype: 'F32', shape: [columns] };
      if (!hessians) return [absmax];
      return [absmax, { name: hessianName(layer, stage), dtype: 'F32', shape: [columns, columns] }];
    }),
  );
}

export function encodeFacts({
  version,
  model,
  data,
  tokensSha256,
  samples,
  seqLen,
}: StatisticsFacts): Map<string, string> {
  return new Map([
    ['schema', STATISTICS_SCHEMA],
    ['version', version],
    ['model', model],
    ['data', data],
    ['tokens_sha256', tokensSha256],
    ['samples', String(samples)],
    ['seq_len', String(seqLen)],
    ['tokens', String(samples * seqLen)],
  ]);
}

/** @throws InputError `E_STATISTICS_SCHEMA`, `E_STATISTICS_METADATA` */
export function parseFacts(metadata: ReadonlyMap<string, string>, file: string): StatisticsFacts {
  const schema = metadata.get('schema');
  if (schema !== STATISTICS_SCHEMA) {
    throw new InputError(
      `${file}: not a file of statistics (schema ${schema === undefined ? 'missing' : quoted(schema)})`,
      {
        code: 'E_STATISTICS_SCHEMA',
        hint: 'give a file that --save-stats wrote',
        details: { file, value: schema, expected: STATISTICS_SCHEMA },
      },
    );
  }
  const text = (name: string): string => metadata.get(name) ?? refuse(file, name, undefined);
  const count = (name: string): number => {
    const value = Number(text(name));
    const isPlain = Number.isSafeInteger(value) && value > 0 && String(value) === metadata.get(name);
    return isPlain ? value : refuse(file, name, metadata.get(name));
  };
  const facts: StatisticsFacts = {
    version: text('version'),
    model: text('model'),
    data: text('data'),
    tokensSha256: text('tokens_sha256'),
    samples: count('samples'),
    seqLen: count('seq_len'),
  };
  if (count('tokens') !== facts.samples * facts.seqLen) refuse(file, 'tokens', metadata.get('tokens'));
  return facts;
}

function refuse(file: string, name: string, value: string | undefined): never {
  throw new InputError(`${file}: ${name} in its metadata is ${value === undefined ? 'missing' : quoted(value)}`, {
    code: 'E_STATISTICS_METADATA',
    hint: 'gather the statistics again with --save-stats',
    details: { file, field: name, value },
  });
}
