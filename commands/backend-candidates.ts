import { cpuEnvironment, openCpuBackend, probeCpuLibrary } from '../kernels/cpu-backend.ts';
import type { VerifiableBackend } from '../kernels/verify/weight-quantizer.ts';
import { BackendUnavailableError } from '../quant/errors.ts';
import { openVerifiedReference } from './verified-reference.ts';

/** A backend on one of the instruction sets that this machine runs. */
export interface BackendCandidate {
  backend: string;
  isa: string;
  /** @throws BackendUnavailableError if it cannot be had after all */
  open: (threads: number) => VerifiableBackend | Promise<VerifiableBackend>;
}

/** All that this machine has beside the reference, and why others are absent. */
export interface Candidates {
  candidates: readonly BackendCandidate[];
  absent: readonly { backend: string; reason: string }[];
}

/** Each instruction set of the cpu backend. `CIDER_ISA` plays no part: it chooses one where only one is used. */
export async function listCandidates(): Promise<Candidates> {
  const library = await probeCpuLibrary({ library: cpuEnvironment(process.env).library });
  if (!library.ok) return { candidates: [], absent: [{ backend: 'cpu', reason: library.reason }] };
  const candidates = library.report.isas.map((isa) => ({
    backend: 'cpu',
    isa,
    open: (threads: number) => openCpuBackend(library, { isa, threads }),
  }));
  return { candidates, absent: [] };
}

/** Names that a user gave; all where there are none. */
export interface CandidateFilter {
  backend?: readonly string[];
  isa?: readonly string[];
}

/**
 * What the user asked for, or else everything but the reference.
 *
 * @throws BackendUnavailableError `E_BACKEND_UNAVAILABLE` if a name fits nothing, or nothing is left
 */
export function chooseCandidates(
  { candidates, absent }: Candidates,
  { backend: backends, isa: isas }: CandidateFilter,
): readonly BackendCandidate[] {
  const reference = { backend: 'reference', isa: 'typescript', open: openVerifiedReference };
  const all = backends?.includes('reference') ? [...candidates, reference] : candidates;
  const unknown = [
    ...(backends ?? []).filter((name) => !all.some(({ backend }) => backend === name)),
    ...(isas ?? []).filter((name) => !all.some(({ isa }) => isa === name)),
  ];
  const chosen = all.filter(
    ({ backend, isa }) => (backends?.includes(backend) ?? true) && (isas?.includes(isa) ?? true),
  );
  if (unknown.length === 0 && chosen.length > 0) return chosen;
  const reasons = absent.map(({ backend, reason }) => `${backend} is not available: ${reason}`);
  const message = unknown.length > 0 ? `this machine has no ${unknown.join(', ')}` : 'there is nothing to compare';
  const known = all.map(({ backend, isa }) => `${backend} ${isa}`);
  throw new BackendUnavailableError([message, ...reasons].join('; '), {
    code: 'E_BACKEND_UNAVAILABLE',
    hint: known.length > 0 ? `there is: ${known.join(', ')}` : 'cider doctor tells more',
    details: { unknown, known },
  });
}
