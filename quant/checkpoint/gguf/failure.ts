import { InputError, type ErrorDetails } from '../../errors.ts';

/** Ends the reading of a GGUF file: the message names the file, and what of it. @throws InputError always */
export function failGguf(
  file: string,
  code: `E_GGUF_${string}`,
  what: string,
  details: ErrorDetails = {},
  hint?: string,
): never {
  throw new InputError(`${file}: ${what}`, { code, hint, details: { file, ...details } });
}
