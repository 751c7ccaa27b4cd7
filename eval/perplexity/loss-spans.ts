import { InputError } from '../../quant/errors.ts';
import type { WindowLosses, WindowWeight } from './comparison.ts';
import type { Protocol, StrideProtocol, Window } from './protocol.ts';
import type { SavedResult } from './saved-result.ts';
import { strideSpans } from './windows.ts';

/** Losses that follow one another and weigh the same: those of a window, or of several. */
export interface LossSpan extends WindowWeight {
  /** How many there are. */
  targets: number;
}

export const spansOf = (windows: readonly Window[]): LossSpan[] =>
  windows.map(({ tokenIds, firstTarget, weight, units }) => ({
    targets: tokenIds.length - firstTarget,
    weight,
    units,
  }));

/** As many spans as there are losses for. */
export function splitLosses(losses: Float32Array, spans: readonly LossSpan[]): WindowLosses {
  const split: Float32Array[] = [];
  let at = 0;
  for (const { targets } of spans) {
    const end = at + targets;
    if (end > losses.length) break;
    split.push(losses.subarray(at, end));
    at = end;
  }
  return split;
}

/**
 * The losses of a saved run without its text: `[spans]`, which together are all that were scored. Sums over them are
 * those over the windows, to the last bit.
 *
 * @param file names it in messages
 * @throws InputError `E_RESULTS_INCOMPLETE` if a row lacks losses; `E_RESULTS_INCONSISTENT` if the protocol does not score
 * as many tokens as it says
 */
export function savedSpans({ protocol, rows }: SavedResult, file: string): LossSpan[] {
  const { scored } = protocol;
  const partial = rows.find(({ losses }) => losses.length < scored);
  if (partial) {
    throw new InputError(`${file}: ${partial.config} has ${partial.losses.length} of ${scored} losses`, {
      code: 'E_RESULTS_INCOMPLETE',
      hint: 'run cider eval-ppl --save again, to its end',
      details: { file, config: partial.config, found: partial.losses.length, needed: scored },
    });
  }
  const spans = spansOfProtocol(protocol);
  const targets = spans.reduce((sum, span) => sum + span.targets, 0);
  if (targets === scored && scored > 0) return spans;
  throw new InputError(`${file}: protocol "${protocol.name}" would score ${targets} tokens, not ${scored}`, {
    code: 'E_RESULTS_INCONSISTENT',
    hint: 'the file may be damaged: save it again',
    details: { file, expected: targets, value: scored },
  });
}

function spansOfProtocol(protocol: Protocol): LossSpan[] {
  switch (protocol.name) {
    case 'gptq':
    case 'llama.cpp':
      return [{ targets: protocol.scored, weight: 1, units: protocol.scored }];
    case 'word':
      return [{ targets: protocol.scored, weight: 1, units: protocol.words }];
    case 'stride':
      return spansOfStride(protocol);
  }
}

/** No more of them than the file has losses for, whatever else it says. */
function spansOfStride({ ctx, stride, tokens, windows, scored }: StrideProtocol): LossSpan[] {
  const spans: LossSpan[] = [];
  // Others would score nothing, without end.
  if (ctx < 2 || stride < 1 || stride > ctx) return spans;
  let total = 0;
  for (const { targets, weight, units } of strideSpans(tokens, { ctx, stride, samples: windows })) {
    if (total > scored) break;
    spans.push({ targets, weight, units });
    total += targets;
  }
  return spans;
}
