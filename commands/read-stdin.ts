import { addAbortSignal } from 'node:stream';
import { InputError } from '../quant/errors.ts';

/** More than any model reads; a slip such as `< model.safetensors` ends here. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * All of standard input, without the line break that editors and `echo` put at the end.
 *
 * @throws InputError `E_STDIN_TOO_LARGE`, `E_STDIN_ENCODING`
 */
export async function readStdin(signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of addAbortSignal(signal, process.stdin)) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_BYTES) throw refusal('E_STDIN_TOO_LARGE', `more than ${MAX_BYTES} bytes`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)).replace(/\r?\n$/, '');
  } catch (cause) {
    throw refusal('E_STDIN_ENCODING', 'not valid UTF-8', cause);
  }
}

function refusal(code: string, what: string, cause?: unknown): InputError {
  return new InputError(`standard input: ${what}`, { code, details: { file: '-' }, cause });
}
