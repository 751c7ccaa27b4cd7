/** Exit codes of `cider`, stable for scripts. */
export const exitCodes = {
  ok: 0,
  /** Our bug: an error that nobody expected. */
  internal: 1,
  usage: 2,
  /** A malformed or unsupported checkpoint, config, tokenizer or dataset. */
  input: 3,
  /** A file, model or dataset that is not there, or a network that is not. */
  notFound: 4,
  /** Disk, memory, permissions, or another run that holds the output. */
  resources: 5,
  /** A backend that was named and is not available. */
  backend: 6,
  /** A comparison or threshold that did not hold. */
  check: 7,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
