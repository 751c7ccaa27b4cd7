import { isUtf8 } from 'node:buffer';
import { InputError } from '../../quant/errors.ts';

/** Text becomes one string and its tokens one array; a V8 string ends at 2^29 characters. */
export const MAX_TEXT_BYTES: number = 256 * 1024 * 1024;

const NEWLINE = 0x0a;

/**
 * UTF-8 to text, with a byte order mark dropped and line ends made \n.
 *
 * @throws InputError `E_DATASET_ENCODING`, naming the first line that is not UTF-8
 */
export function decodeText(bytes: Uint8Array, file: string): string {
  if (!isUtf8(bytes)) {
    const line = firstBadLine(bytes);
    throw new InputError(`${file}: line ${line} is not valid UTF-8`, {
      code: 'E_DATASET_ENCODING',
      hint: 'convert the file to UTF-8',
      details: { file, line },
    });
  }
  return new TextDecoder().decode(bytes).replace(/\r\n?/g, '\n');
}

function firstBadLine(bytes: Uint8Array): number {
  let start = 0;
  for (let line = 1; ; line++) {
    const end = bytes.indexOf(NEWLINE, start);
    // No byte of a longer UTF-8 sequence is a newline, so that lines can be judged one by one.
    if (end === -1 || !isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}
