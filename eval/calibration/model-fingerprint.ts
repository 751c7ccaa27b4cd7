import { createHash, type Hash } from 'node:crypto';
import type { Checkpoint } from '../../quant/checkpoint/checkpoint.ts';
import type { StoredModel } from '../../quant/checkpoint/stored-model.ts';

/** Of each tensor, from its middle: enough to tell models apart that were trained on from one another. */
const SAMPLE_BYTES = 4096;

/**
 * What tells a model from others wherever its files are: SHA-256, in hexadecimal, of what its config.json says of the
 * arithmetic, and of names, dtypes, shapes and some bytes of its tensors, or some values where the file is no safetensors.
 * To read all bytes would take as long as to use them.
 *
 * @throws InputError `E_FILE_CHANGED`; ResourceError
 */
export function modelFingerprint({ config, checkpoint, tensors }: StoredModel): string {
  const hash = createHash('sha256').update(JSON.stringify({ ...config, raw: undefined, text: undefined }));
  if (checkpoint) addBytes(hash, checkpoint);
  else addValues(hash, tensors);
  return hash.digest('hex');
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);

function addBytes(hash: Hash, checkpoint: Checkpoint): void {
  for (const entry of [...checkpoint.tensors.values()].sort(byName)) {
    const sample = new Uint8Array(Math.min(SAMPLE_BYTES, entry.bytes));
    checkpoint.readInto(entry, sample, Math.floor((entry.bytes - sample.length) / 2));
    hash.update(JSON.stringify([entry.name, entry.dtype, entry.shape])).update(sample);
  }
}

function addValues(hash: Hash, tensors: StoredModel['tensors']): void {
  for (const tensor of [...tensors.values()].sort(byName)) {
    const values = tensor.readFloats();
    const count = Math.min(SAMPLE_BYTES / values.BYTES_PER_ELEMENT, values.length);
    const first = Math.floor((values.length - count) / 2);
    hash.update(JSON.stringify([tensor.name, tensor.stored, tensor.shape]));
    hash.update(values.subarray(first, first + count));
  }
}
