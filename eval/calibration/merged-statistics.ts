import { createHash } from 'node:crypto';
import { InputError } from '../../quant/errors.ts';
import type { Stage, StageStatistics } from '../../quant/methods/calibration.ts';
import type { SavedStatistics } from './saved-statistics.ts';
import type { StatisticsFacts } from './statistics-layout.ts';

/**
 * Statistics as of all the texts together: the larger maxima, and the sums of Hessians and tokens. Those of one text are
 * what they are.
 *
 * @param parts at least one; closed by `close`
 * @throws InputError `E_STATISTICS_MISMATCH` if they are not of one model, or not of the same kind
 */
export function mergeStatistics(parts: readonly SavedStatistics[]): SavedStatistics {
  const [first, ...others] = parts;
  if (others.length === 0) return first;
  for (const other of others) {
    refuseDifference('of one model', first.facts.model, other.facts.model);
    refuseDifference('of windows of one length', first.facts.seqLen, other.facts.seqLen);
    refuseDifference('all with Hessians or all without', first.hasHessians, other.hasHessians);
  }
  return {
    facts: mergedFacts(parts.map(({ facts }) => facts)),
    hasHessians: first.hasHessians,
    read: (layer, stage) => mergedStage(parts, layer, stage),
    close: () => {
      for (const part of parts) part.close();
    },
  };
}

/** The first one's arrays become those of all, one part after the other. */
function mergedStage(parts: readonly SavedStatistics[], layer: number, stage: Stage): StageStatistics {
  const merged = parts[0].read(layer, stage);
  for (const part of parts.slice(1)) {
    const { tokens, absmax, hessian } = part.read(layer, stage);
    merged.tokens += tokens;
    for (let k = 0; k < absmax.length; k++) merged.absmax[k] = Math.max(merged.absmax[k], absmax[k]);
    if (!merged.hessian || !hessian) continue;
    for (let i = 0; i < hessian.length; i++) merged.hessian[i] += hessian[i];
  }
  return merged;
}

function mergedFacts(all: readonly StatisticsFacts[]): StatisticsFacts {
  const hash = createHash('sha256');
  for (const { tokensSha256 } of all) hash.update(`${tokensSha256}\n`);
  return {
    ...all[0],
    data: all.map(({ data }) => data).join(' + '),
    tokensSha256: hash.digest('hex'),
    samples: all.reduce((sum, { samples }) => sum + samples, 0),
  };
}

function refuseDifference(what: string, expected: string | number | boolean, found: typeof expected): void {
  if (expected === found) return;
  throw new InputError(`statistics that are merged must be ${what}: ${expected} is not ${found}`, {
    code: 'E_STATISTICS_MISMATCH',
    details: { expected, found },
  });
}
