import { CiderError, InputError, NotFoundError, ResourceError, UsageError, type ErrorDetails } from '../errors.ts';

/** Errors lose their class when they cross a thread; this carries what is needed to build them again. */
export interface TransferredError {
  type: string;
  message: string;
  stack: string | undefined;
  code: string;
  hint: string | undefined;
  details: ErrorDetails;
}

const classes = [InputError, NotFoundError, ResourceError, UsageError] as const;

export function sendError(error: unknown): TransferredError {
  const known = error instanceof CiderError ? error : undefined;
  return {
    type: known?.name ?? '',
    message: error instanceof Error ? error.message : String(error),
    stack: error instanceof Error ? error.stack : undefined,
    code: known?.code ?? '',
    hint: known?.hint,
    details: known?.details ?? {},
  };
}

export function receiveError(sent: TransferredError): Error {
  const type = classes.find((candidate) => candidate.name === sent.type);
  const error = type
    ? new type(sent.message, { code: sent.code, hint: sent.hint, details: sent.details })
    : new Error(sent.message);
  if (sent.stack !== undefined) error.stack = sent.stack;
  return error;
}
