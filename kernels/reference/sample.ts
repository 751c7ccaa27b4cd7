import type { SampleOptions, Tensor } from '../backend.ts';
import { indexOfLargest } from './argmax.ts';
import { check } from '../check.ts';
import { tensorOf } from './tensor.ts';

/**
 * One token from the last row: the `topK` largest logits, divided by the temperature and made probabilities, of which
 * the fewest that reach `topP` together are kept; `random` picks along their cumulative sum, largest first. A
 * temperature of 0 takes the largest.
 */
export function sample(logits: Tensor, options: SampleOptions): number {
  checkSampleOptions(options);
  const { temperature, topK, topP = 1, random } = options;
  const { rows, columns, values } = tensorOf('sample', 'logits', logits);
  const row = values.subarray((rows - 1) * columns);
  const largest = indexOfLargest(row);
  check(Number.isFinite(row[largest]) && !row.some(Number.isNaN), 'sample', 'a logit is NaN, or the largest infinite');
  if (temperature === 0) return largest;

  const tokens = Array.from(row.keys()).sort((a, b) => row[b] - row[a] || a - b);
  const weights = tokens.slice(0, topK).map((token) => Math.exp((row[token] - row[largest]) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight);
  let nucleus = 0;
  let reached = 0;
  while (reached < topP * total) reached += weights[nucleus++];
  let choice = 0;
  let passed = weights[0];
  while (passed <= random * reached && choice < nucleus - 1) passed += weights[++choice];
  return tokens[choice];
}

/** What every backend asks of the options. @throws RangeError */
export function checkSampleOptions({ temperature, topK, topP = 1, random }: SampleOptions): void {
  check(temperature >= 0 && Number.isFinite(temperature), 'sample', `temperature ${temperature} is not 0 or more`);
  check(topK === undefined || (Number.isInteger(topK) && topK > 0), 'sample', `topK ${topK ?? 0} is not 1 or more`);
  check(topP > 0 && topP <= 1, 'sample', `topP ${topP} is not in (0, 1]`);
  check(random >= 0 && random < 1, 'sample', `random ${random} is not in [0, 1)`);
}
