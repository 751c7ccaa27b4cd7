import type { Fingerprint } from '../../quant/conversion/state.ts';

/** How far a calibration has come, as its state file says it. */
export interface CalibrationState {
  fingerprint: Fingerprint;
  /** Layers before it are done. */
  nextLayer: number;
  /** SHA-256 of the hidden states before it, by track; none once all layers are done. */
  sha256: Readonly<Record<string, string>>;
}

export function encodeState(state: CalibrationState): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(state));
}

/** @returns undefined for what is no state: it is as good as none, and the work is done again */
export function parseState(bytes: Uint8Array): CalibrationState | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
  const { fingerprint, nextLayer, sha256 } = (parsed ?? {}) as Partial<Record<keyof CalibrationState, unknown>>;
  if (!isRecordOfStrings(fingerprint) || !isRecordOfStrings(sha256)) return undefined;
  return Number.isSafeInteger(nextLayer) ? { fingerprint, nextLayer: nextLayer as number, sha256 } : undefined;
}

function isRecordOfStrings(value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && Object.values(value).every((each) => typeof each === 'string');
}
