/** What an error says besides its sentence: the `details` of the JSON document. Values are printed as they are. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface ErrorOptions {
  /** Stable identifier such as `E_OFFSET_PAST_EOF`; scripts match on it. */
  code: string;
  /** What the user can do next, as one sentence or one command. */
  hint?: string | undefined;
  details?: ErrorDetails;
  cause?: unknown;
}

/** An error that is expected to reach the user: its message is one sentence that names file, tensor, value and limit. */
export abstract class CiderError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly details: ErrorDetails;

  constructor(message: string, options: ErrorOptions) {
    super(message, { cause: options.cause });
    this.name = new.target.name;
    this.code = options.code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }
}

/** The caller asked for something that makes no sense or is refused by rule: exit 2. */
export class UsageError extends CiderError {}

/** A malformed or unsupported checkpoint, config, tokenizer or dataset. Permanent: trying again does not help. Exit 3. */
export class InputError extends CiderError {}

/** A file, folder, model or dataset that is not there: exit 4. */
export class NotFoundError extends CiderError {}

/** Disk, memory, permissions or a lock: it may work later or elsewhere. Exit 5. */
export class ResourceError extends CiderError {}

/** A named backend that this machine does not have: exit 6. */
export class BackendUnavailableError extends CiderError {}
