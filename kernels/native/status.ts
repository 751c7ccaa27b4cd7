/** Statuses of cider.h by number. */
const statuses = ['ok', 'invalid argument', 'out of memory', 'unavailable', 'i/o error', 'non-finite value'] as const;
export type NativeStatus = (typeof statuses)[number];

/** A function of the library failed. */
export class NativeError extends Error {
  readonly status: NativeStatus | undefined;

  constructor(message: string, status?: NativeStatus) {
    super(message);
    this.name = 'NativeError';
    this.status = status;
  }
}

/**
 * Throws what a status means: a `RangeError` for arguments, a `NativeError` for the rest.
 *
 * @param describe the library's own words
 */
export function checkStatus(operation: string, code: number, describe: () => string): void {
  if (code === 0) return;
  const status = statuses.at(code);
  const message = `${operation}: ${describe() || (status ?? `status ${code}`)}`;
  throw status === 'invalid argument' ? new RangeError(message) : new NativeError(message, status);
}
