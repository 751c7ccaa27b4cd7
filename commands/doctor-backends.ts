import os from 'node:os';
import {
  nativeEnvironment,
  probeNative,
  type NativeBackendName,
  type NativeEnvironment,
  type ProbedLibrary,
} from '../kernels/native-backend.ts';
import type { TrialStep } from '../kernels/probe.ts';

/** One line of the answer; `fail` means that something which was asked for does not work. */
export type Check = TrialStep;

export interface TriedBackends {
  cpu: ProbedLibrary;
  metal: ProbedLibrary;
  /** As the cpu backend was tried. */
  environment: NativeEnvironment;
}

/** Tries the backends of the library. `CIDER_ISA` is one of the backend that is named, else of the cpu backend. */
export async function tryBackends(named: NativeBackendName | 'reference' | undefined): Promise<TriedBackends> {
  const asked = nativeEnvironment(process.env, os.homedir());
  const plain = { ...asked, isa: undefined };
  const environment = named === 'metal' ? plain : asked;
  const [cpu, metal] = await Promise.all([
    probeNative('cpu', environment),
    probeNative('metal', named === 'metal' ? asked : plain),
  ]);
  return { cpu, metal, environment };
}

/** The library, its hash, its trial and the backend on top of it. */
export function cpuChecks(library: ProbedLibrary, environment: NativeEnvironment, isNamed: boolean): Check[] {
  const origin = environment.library === undefined ? '' : ' (CIDER_LIBRARY)';
  if (!library.ok) {
    // What nobody asked for by name is no failure: there is the reference.
    const isAsked = isNamed || environment.library !== undefined || environment.isa !== undefined;
    return [{ name: 'backend cpu', status: isAsked ? 'fail' : 'warn', detail: `absent${origin}: ${library.reason}` }];
  }
  const { path, sha256, isOverride, report } = library;
  const { abiVersion, isa, isas, threads } = report;
  const others = isas.filter((each) => each !== isa);
  return [
    { name: 'library', status: 'ok', detail: `${path}${origin}` },
    {
      name: 'library hash',
      status: isOverride ? 'warn' : 'ok',
      detail: isOverride ? `${sha256}, not checked: this build was not published` : `${sha256}, as published`,
    },
    { name: 'library trial', status: 'ok', detail: `ABI ${abiVersion}, loaded and multiplied in another process` },
    {
      name: 'backend cpu',
      status: 'ok',
      detail: `${isa}${environment.isa === undefined ? '' : ' (CIDER_ISA)'}, ${threads} threads; also ${others.join(', ')}`,
    },
  ];
}

/**
 * How the trial of Apple's GPU went, step by step, which is what to send us from a Mac. A step that failed is a warning, as
 * the next way to multiply took over; that none is left is what the last line says.
 */
export function metalChecks(library: ProbedLibrary, isNamed: boolean): Check[] {
  const name = 'backend metal';
  if (library.ok) {
    const { isa, isas, trial } = library.report;
    const others = isas.filter((each) => each !== isa);
    const also = others.length > 0 ? `; also ${others.join(', ')}` : '';
    const units = isa === 'plain' ? '; without int8 units the cpu backend may be faster, which cider bench tells' : '';
    const detail = `${isa}${also}; used when it is named: --backend metal${units}`;
    return [...trial.map(asWarning), { name, status: 'ok', detail }];
  }
  const isExpected = process.platform === 'darwin' || process.env['CIDER_METAL_RUNTIME'] !== undefined;
  const detail = `absent: ${library.reason}`;
  if (!isExpected) return [{ name, status: isNamed ? 'fail' : 'ok', detail }];
  return [...(library.trial ?? []).map(asWarning), { name, status: isNamed ? 'fail' : 'warn', detail }];
}

const asWarning = (step: TrialStep): Check => (step.status === 'fail' ? { ...step, status: 'warn' } : step);
