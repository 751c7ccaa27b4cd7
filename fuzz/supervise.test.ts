import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { caseMaker } from './make-case.ts';
import { runCase } from './run-case.ts';
import { supervise, type Finding, type Supervised } from './supervise.ts';
import { findTarget } from './targets.ts';

interface Run extends Supervised {
  findings: Finding[];
}

async function fuzz(target: string, cases: number, patienceMs = 10_000): Promise<Run> {
  const findings: Finding[] = [];
  const onFinding = (finding: Finding): void => {
    findings.push(finding);
  };
  const scratch = temporaryFolder();
  return { ...(await supervise({ target, seed: 4, seconds: 60, cases, scratch, patienceMs, onFinding })), findings };
}

/** Cases until the first that does what is planted. */
const first = (target: string): number => {
  const makeCase = caseMaker(findTarget(target), 4);
  for (let index = 0; ; index++) {
    const bytes = makeCase(index).get('document.json') ?? new Uint8Array(0);
    if (bytes.reduce((sum, byte) => sum + byte, 0) % 31 === 0) return index;
  }
};

describe('supervise', () => {
  it.each([
    ['type-error', 'untyped', /^TypeError: x is not a function\n.*planted/],
    ['rejection', 'untyped', /^RangeError: Invalid array length/],
    ['hang', 'hang', /no end within 1 s/],
    ['memory', 'memory', /^\d{4} MiB/],
    ['heap', 'crash', /./],
    ['exit', 'crash', /exit code 3/],
  ])('finds a planted %s, and goes on after it', async (name, kind, what) => {
    const target = `planted-${name}`;
    const index = first(target);
    const { findings, tally } = await fuzz(target, index + 3, name === 'hang' ? 1000 : undefined);
    expect(findings[0]).toMatchObject({ target, seed: 4, index, what: expect.stringMatching(what) as string });
    // Where memory grows fast, the system may be asked before the heap is full.
    expect(name === 'heap' ? ['crash', 'memory'] : [kind]).toContain(findings[0].kind);
    expect(tally.failures).toBeGreaterThanOrEqual(1);
  });

  it('lets what cider ends by itself be ended', async () => {
    const index = first('planted-limited-hang');
    const { findings, tally } = await fuzz('planted-limited-hang', index + 1);
    expect(findings).toEqual([]);
    expect(tally.ended).toBe(1);
  });

  it('counts inputs, and what became of them', async () => {
    const { tally, findings, peakBytes } = await fuzz('json', 500);
    expect(findings).toEqual([]);
    expect(tally.inputs).toBe(500);
    const rejected = Object.values(tally.rejected).reduce((sum, times) => sum + times, 0);
    expect(tally.accepted + rejected).toBe(500);
    expect(tally.rejected).toHaveProperty('E_JSON_SYNTAX');
    expect(peakBytes).toBeGreaterThan(2 ** 20);
  });
});

describe('a case', () => {
  it('can be made again from target, seed and number', async () => {
    const target = findTarget('planted-type-error');
    const again = caseMaker(target, 4)(first(target.name));
    const outcome = await runCase(target, again, (action) => action());
    expect(outcome).toMatchObject({ kind: 'untyped' });
    expect(caseMaker(findTarget('parquet'), 9)(77)).toEqual(caseMaker(findTarget('parquet'), 9)(77));
  });
});
