import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { InputError } from '../../quant/errors.ts';

/** What must be equal of models that are compared. */
export interface ComparableModel {
  name: string;
  config: Pick<ModelConfig, 'vocabSize' | 'layers' | 'hiddenSize'>;
}

/**
 * Refuses models whose tokens or layers have no counterparts.
 *
 * @throws InputError `E_MODELS_DIFFER`, naming both values
 */
export function requireComparable([first, ...others]: readonly ComparableModel[]): void {
  for (const other of others) {
    const facts = ({ config }: ComparableModel) => [
      ['vocab_size', config.vocabSize],
      ['num_hidden_layers', config.layers],
      ['hidden_size', config.hiddenSize],
    ];
    const expected = facts(first);
    for (const [index, [member, value]] of facts(other).entries()) {
      const [, wanted] = expected[index];
      if (value === wanted) continue;
      throw new InputError(`${other.name} has another ${member} than ${first.name}: ${value} instead of ${wanted}`, {
        code: 'E_MODELS_DIFFER',
        hint: 'compare checkpoints of one model',
        details: { member, value, expected: wanted, model: other.name, baseline: first.name },
      });
    }
  }
}
