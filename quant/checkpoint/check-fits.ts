import { ResourceError } from '../errors.ts';
import type { TensorEntry } from './checkpoint.ts';
import { quoted } from './quoted.ts';

/** What one ArrayBuffer of Node 20 holds. */
const MAX_BUFFER_BYTES = 2 ** 32;

/** That so many bytes of a tensor fit into memory in one piece. @throws ResourceError `E_TENSOR_TOO_LARGE` over 4 GiB */
export function checkFits({ file, name }: Pick<TensorEntry, 'file' | 'name'>, bytes: number): void {
  if (bytes <= MAX_BUFFER_BYTES) return;
  throw new ResourceError(
    `${file}: tensor ${quoted(name)} needs ${bytes} bytes in one piece, over the limit of ${MAX_BUFFER_BYTES}`,
    { code: 'E_TENSOR_TOO_LARGE', details: { file, tensor: name, bytes, limit: MAX_BUFFER_BYTES } },
  );
}
