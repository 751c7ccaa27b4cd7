import {
  decodedAs,
  configurations as known,
  parseConfiguration,
  storedConfiguration,
  type Configuration,
} from '../eval/model/configurations.ts';
import type { ModelConfig } from '../quant/checkpoint/hf-config.ts';
import type { StoredModel } from '../quant/checkpoint/stored-model.ts';
import { UsageError } from '../quant/errors.ts';
import { alreadyQuantized } from './already-quantized.ts';
import { DEFAULT_CONFIGURATIONS, type EvalFlags } from './eval-ppl-flags.ts';

/**
 * The rows of the table, each name once: the configurations that were asked for, in every mode of decoding.
 *
 * @throws UsageError `E_CONFIGURATION`, or `E_ALREADY_QUANTIZED` for configurations of a model that has its own
 */
export function chooseConfigurations(
  model: Pick<StoredModel, 'rowName' | 'scheme' | 'tensors'>,
  { configs, decode }: EvalFlags,
): readonly Configuration[] {
  const stored = storedConfiguration(model);
  if (stored && configs) throw alreadyQuantized('--configs', configs, model.scheme);
  const chosen = stored ? [stored] : (configs ?? DEFAULT_CONFIGURATIONS).flatMap(expand);
  const rows = chosen.flatMap((configuration) => decode.map((mode) => decodedAs(configuration, mode, model)));
  return [...new Map(rows.map((row) => [row.name, row])).values()];
}

const expand = (name: string): readonly Configuration[] => (name === 'all' ? known : [parseConfiguration(name)]);

/**
 * A limit or divergences with nothing to hold them against.
 *
 * @throws UsageError `E_NOTHING_TO_COMPARE`
 */
export function checkComparable(chosen: readonly Configuration[], { kld, maxIncrease, baseline }: EvalFlags): void {
  const refuse = (option: string, hint: string): never => {
    throw new UsageError(`${option}: there is nothing to compare ${chosen[0].name} with`, {
      code: 'E_NOTHING_TO_COMPARE',
      hint,
      details: { option, config: chosen[0].name },
    });
  };
  if (chosen.length > 1) return;
  if (kld === true) refuse('--kld', 'name two configurations or more with --configs');
  if (maxIncrease !== undefined && baseline === undefined) {
    refuse('--max-increase', 'name two configurations or more with --configs, or a saved run with --baseline');
  }
}

/** Files must have whole groups; here the last group of a row may be shorter, which the reader of the table should know. */
export function groupNotes(config: ModelConfig, chosen: readonly Configuration[]): string[] {
  const widths = [config.hiddenSize, config.heads * config.headDim, config.intermediateSize];
  return chosen.flatMap((configuration) => {
    const groupSize = configuration.kind === 'integer' ? configuration.scheme.groupSize : 0;
    const uneven = groupSize > 0 ? widths.filter((width) => width % groupSize !== 0) : [];
    if (uneven.length === 0) return [];
    return [
      `${configuration.name}: K = ${[...new Set(uneven)].join(', ')} end in a shorter group; convert needs another --gs`,
    ];
  });
}
