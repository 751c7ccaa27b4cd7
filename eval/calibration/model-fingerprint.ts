import { createHash } from 'node:crypto';
import type { Checkpoint } from '../../quant/checkpoint/checkpoint.ts';
import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';

/** Of each tensor, from its middle: enough to tell models apart that were trained on from one another. */
const SAMPLE_BYTES = 4096;

/**
 * What tells a model from others wherever its files are: SHA-256, in hexadecimal, of what its config.json says of the
 * arithmetic, and of names, dtypes, shapes and some bytes of its tensors. To read them all would take as long as to use
 * them.
 *
 * @throws InputError `E_FILE_CHANGED`; ResourceError
 */
export function modelFingerprint(checkpoint: Checkpoint, config: ModelConfig): string {
  const hash = createHash('sha256').update(JSON.stringify({ ...config, raw: undefined, text: undefined }));
  const names = [...checkpoint.tensors.keys()].sort();
  for (const name of names) {
    const entry = checkpoint.tensors.get(name);
    if (!entry) continue;
    const sample = new Uint8Array(Math.min(SAMPLE_BYTES, entry.bytes));
    checkpoint.readInto(entry, sample, Math.floor((entry.bytes - sample.length) / 2));
    hash.update(JSON.stringify([name, entry.dtype, entry.shape])).update(sample);
  }
  return hash.digest('hex');
}
