import type { DecoderModel } from '../model/model.ts';
import type { WindowDivergence } from './divergence-summary.ts';
import type { Window } from './protocol.ts';

export interface WindowScore {
  /** Negative log-likelihood in nats of each scored token, rounded to f32: 24 bits are more than the logits have. */
  losses: Float32Array;
  divergence?: WindowDivergence;
  /** Time of the model's forward pass and losses. */
  seconds: number;
}

/**
 * Scores a window, and compares the model's distributions with those of `first` if there is one. The comparison makes
 * the logits of the model once more, so that losses and time are the same with it and without it.
 */
export async function scoreWindow(
  { tokenIds, firstTarget }: Window,
  model: DecoderModel,
  first: DecoderModel | undefined,
): Promise<WindowScore> {
  const fed = tokenIds.subarray(0, -1);
  const started = performance.now();
  const hidden = await model.hiddenStates(fed);
  const losses = await model.lossesAfter(hidden, tokenIds, firstTarget);
  const seconds = (performance.now() - started) / 1000;
  const score = { losses: Float32Array.from(losses), seconds };
  if (!first) return score;
  const firstHidden = await first.hiddenStates(fed);
  const { divergences, sameTop } = await model.divergenceFrom(first, [hidden, firstHidden], firstTarget - 1);
  return {
    ...score,
    divergence: {
      divergences: Float32Array.from(divergences),
      sameTop: sameTop.reduce((sum, same) => sum + same, 0),
    },
  };
}
