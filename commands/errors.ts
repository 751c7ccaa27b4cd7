import { CommanderError } from 'commander';
import { NativeError } from '../kernels/native/status.ts';
import {
  BackendUnavailableError,
  CiderError,
  InputError,
  NotFoundError,
  ResourceError,
  UsageError,
  type ErrorDetails,
} from '../quant/errors.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';

/** An error as the user and the JSON document see it. */
export interface Failure {
  code: string;
  exit: ExitCode;
  message: string;
  hint: string | undefined;
  details: ErrorDetails;
}

/** SIGINT or SIGTERM arrived; work stopped at a point from which nothing is lost. */
export class InterruptedError extends Error {
  readonly signal: 'SIGINT' | 'SIGTERM';

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(signal === 'SIGINT' ? 'interrupted' : 'terminated');
    this.name = 'InterruptedError';
    this.signal = signal;
  }
}

/** A comparison that a command was asked for did not hold. */
export class CheckFailedError extends CiderError {}

const exitOfClass = [
  [UsageError, exitCodes.usage],
  [InputError, exitCodes.input],
  [NotFoundError, exitCodes.notFound],
  [ResourceError, exitCodes.resources],
  [BackendUnavailableError, exitCodes.backend],
  [CheckFailedError, exitCodes.check],
] as const;

/** The one place that turns an error into words, a code and an exit status. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof InterruptedError) {
    const exit = error.signal === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated;
    return { code: 'E_INTERRUPTED', exit, message: error.message, hint: undefined, details: { signal: error.signal } };
  }
  if (error instanceof CommanderError) {
    const message = error.message
      .replace(/^error: /, '')
      .replace(/\.?\n\(Did you mean (.*)\?\)/s, '; did you mean $1?');
    return {
      code: 'E_USAGE',
      exit: exitCodes.usage,
      message,
      hint: 'cider --help lists commands and options',
      details: {},
    };
  }
  if (error instanceof CiderError) {
    const exit = exitOfClass.find(([type]) => error instanceof type)?.[1] ?? exitCodes.internal;
    return { code: error.code, exit, message: error.message, hint: error.hint, details: error.details };
  }
  if (isOutOfMemory(error)) {
    const hint = 'close other programs, or try a smaller model or context';
    const message = 'not enough memory: an allocation failed';
    return { code: 'E_OUT_OF_MEMORY', exit: exitCodes.resources, message, hint, details: {} };
  }
  if (error instanceof NativeError && error.status === 'i/o error') {
    const hint = 'see that the files of the model are still there and can be read';
    return { code: 'E_IO', exit: exitCodes.resources, message: error.message, hint, details: {} };
  }
  return {
    code: 'E_INTERNAL',
    exit: exitCodes.internal,
    message: `internal error: ${error instanceof Error ? error.message : String(error)}`,
    hint: 'this is a bug in cider; run again with CIDER_DEBUG=1 for the stack and report it',
    details: {},
  };
}

function isOutOfMemory(error: unknown): boolean {
  if (error instanceof NativeError) return error.status === 'out of memory';
  return error instanceof RangeError && /array buffer allocation failed/i.test(error.message);
}
