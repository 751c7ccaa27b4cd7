import type { Mismatch, VerifiedBackend } from '../kernels/verify/verify.ts';
import { CheckFailedError } from './errors.ts';
import { formatTable } from './text.ts';

export function describeBackends(rows: readonly VerifiedBackend[]): string {
  return formatTable(
    [
      { title: 'backend', align: 'left' },
      { title: 'isa', align: 'left' },
      { title: 'threads', align: 'left' },
      { title: 'cases', align: 'right' },
      { title: 'mismatches', align: 'right' },
      { title: 'skipped', align: 'right' },
    ],
    rows.map((row) => [
      row.backend,
      row.isa,
      row.threads.join(', '),
      ...[row.cases, row.mismatches, row.skipped].map(String),
    ]),
  );
}

/** Where the first mismatch is, both bit patterns, and the command that repeats just that case. */
export function describeMismatch(mismatch: Mismatch): string {
  const { backend, isa, threads, difference, error } = mismatch;
  const where = `first mismatch: ${backend} ${isa}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${mismatch.case}`;
  return [where, difference ? describeDifference(difference) : `the call failed: ${error ?? ''}`]
    .concat(`repeat with: ${repeatCommand(mismatch)}`)
    .join('\n  ');
}

function describeDifference(difference: NonNullable<Mismatch['difference']>): string {
  const { output, row, column, expected, actual, different, elements } = difference;
  return (
    `${output}[${row}, ${column}] is ${actual.bits} (${actual.value}), the reference has ${expected.bits} ` +
    `(${expected.value}); ${different} of ${elements} elements differ`
  );
}

export function repeatCommand({ backend, isa, threads, case: caseName }: Mismatch): string {
  return `cider verify-bitexact --backend ${backend} --isa ${isa} --threads ${threads} --case ${caseName}`;
}

export function mismatchError(rows: readonly VerifiedBackend[], first: Mismatch): CheckFailedError {
  const total = (count: 'cases' | 'mismatches'): number => rows.reduce((sum, row) => sum + row[count], 0);
  const { backend, isa, case: caseName } = first;
  const [mismatches, cases] = [total('mismatches'), total('cases')];
  return new CheckFailedError(
    `${mismatches} of ${cases} comparisons do not give the bits of the reference, first ${caseName} on ${backend} ${isa}`,
    {
      code: 'E_NOT_BIT_EXACT',
      hint: 'do not trust quantized results of this backend on this machine; please report the case',
      details: { mismatches, cases, backend, isa, case: caseName },
    },
  );
}
