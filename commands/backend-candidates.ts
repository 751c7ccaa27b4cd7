import os from 'node:os';
import {
  nativeBackends,
  nativeEnvironment,
  openNative,
  probeNative,
  type NativeBackendName,
  type NativeEnvironment,
} from '../kernels/native-backend.ts';
import type { TrialStep } from '../kernels/probe.ts';
import type { VerifiableBackend } from '../kernels/verify/weight-quantizer.ts';
import { BackendUnavailableError } from '../quant/errors.ts';
import { openVerifiedReference } from './verified-reference.ts';

/** A backend on one of the instruction sets that this machine runs. */
export interface BackendCandidate {
  backend: string;
  isa: string;
  /** Whether the number of threads makes a difference. */
  hasThreads: boolean;
  /** @throws BackendUnavailableError if it cannot be had after all */
  open: (threads: number) => VerifiableBackend | Promise<VerifiableBackend>;
}

/** All that this machine has beside the reference, and why others are absent. */
export interface Candidates {
  candidates: readonly BackendCandidate[];
  absent: readonly { backend: string; reason: string }[];
  /** How the trial of a backend went that has more to tell than that it works. */
  trials: Readonly<Record<string, readonly TrialStep[]>>;
}

/** Each instruction set of each backend. `CIDER_ISA` plays no part: it chooses one where only one is used. */
export async function listCandidates(): Promise<Candidates> {
  const environment = { ...nativeEnvironment(process.env, os.homedir()), isa: undefined };
  const found = await Promise.all(nativeBackends.map((backend) => listBackend(backend, environment)));
  return {
    candidates: found.flatMap(({ candidates }) => candidates),
    absent: found.flatMap(({ absent }) => absent),
    trials: Object.assign({}, ...found.map(({ trials }) => trials)) as Candidates['trials'],
  };
}

async function listBackend(backend: NativeBackendName, environment: NativeEnvironment): Promise<Candidates> {
  const library = await probeNative(backend, environment);
  if (!library.ok) return { candidates: [], absent: [{ backend, reason: library.reason }], trials: {} };
  const { isas, trial } = library.report;
  const candidates = isas.map((isa) => ({
    backend,
    isa,
    hasThreads: backend === 'cpu',
    open: (threads: number) => openNative(library, backend, { ...environment, isa, threads }),
  }));
  return { candidates, absent: [], trials: trial.length > 0 ? { [backend]: trial } : {} };
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
  { candidates, absent }: Pick<Candidates, 'candidates' | 'absent'>,
  { backend: backends, isa: isas }: CandidateFilter,
): readonly BackendCandidate[] {
  const reference = { backend: 'reference', isa: 'typescript', hasThreads: false, open: openVerifiedReference };
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
