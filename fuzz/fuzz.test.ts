import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { readCorpus } from './corpus.ts';
import { caseMaker } from './make-case.ts';
import { runCase } from './run-case.ts';
import { supervise, type Finding } from './supervise.ts';
import { slowTargets, targets } from './targets.ts';

/** Targets that may loop for as long as cider lets them: they run where they can be ended. */
const limitedTargets = ['tokenizer', 'template', 'parquet'];

const quick = targets.filter((target) => !slowTargets.includes(target) && !limitedTargets.includes(target.name));

describe('a short run of the fuzzer', () => {
  it.each(quick.map((target) => [target.name, target] as const))('%s answers 1,000 inputs', async (_, target) => {
    const makeCase = caseMaker(target, 1);
    const kinds = new Set<string>();
    for (let index = 0; index < 1000; index++) {
      const outcome = await runCase(target, makeCase(index), (action) => action());
      if (outcome.kind === 'untyped') expect.fail(`case ${index} of seed 1: ${outcome.failure}`);
      kinds.add(outcome.kind);
    }
    // Seeds that are always refused, or always taken, would test little.
    expect(kinds).toContain('accepted');
  });

  it.each([
    ...limitedTargets.map((name) => [name, 300] as const),
    ...slowTargets.map(({ name }) => [name, 3] as const),
  ])('%s answers %i inputs', async (target, cases) => {
    const findings: Finding[] = [];
    const onFinding = (finding: Finding): void => {
      findings.push(finding);
    };
    const { tally } = await supervise({ target, seed: 1, seconds: 50, cases, scratch: temporaryFolder(), onFinding });
    expect(findings).toEqual([]);
    expect(tally.inputs).toBe(cases);
  });

  it('has small seeds', () => {
    for (const target of targets) {
      for (const entry of readCorpus(target)) {
        for (const bytes of entry.values()) expect(bytes.byteLength).toBeLessThan(24_576);
      }
    }
  });
});
