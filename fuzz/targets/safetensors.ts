import { basename } from 'node:path';
import { Checkpoint } from '../../quant/checkpoint/checkpoint.ts';
import { isFloatFormat } from '../../kernels/reference/float-formats.ts';
import { findNonFinite } from '../../quant/checkpoint/non-finite.ts';
import { listTensors } from '../../quant/checkpoint/tensor-listing.ts';
import { elementCount } from '../../quant/checkpoint/tensor-size.ts';
import { CiderError } from '../../quant/errors.ts';
import { FOLDER, memoryFiles } from '../../testing/memory-file-system.ts';
import { safetensorsMutator } from '../mutate/safetensors-mutator.ts';
import { check, type Target } from '../target.ts';

const FILE = 'model.safetensors';

/** One safetensors file: its header, then every tensor as bytes and as floats. */
export const safetensors: Target = {
  name: 'safetensors',
  files: { [FILE]: safetensorsMutator },
  run: (input) => {
    const path = `${FOLDER}/${FILE}`;
    const files = memoryFiles(input);
    try {
      readTensors(Checkpoint.open(path, files));
    } catch (error) {
      // What is refused is listed all the same by `inspect`, as far as it can be.
      if (error instanceof CiderError) listTensors(path, files);
      throw error;
    }
  },
};

/** Reads all that a checkpoint holds, and closes it. */
export function readTensors(checkpoint: Checkpoint): void {
  try {
    for (const entry of checkpoint.tensors.values()) {
      check(entry.file === basename(entry.file), 'the file of a tensor is a path');
      check(checkpoint.readBytes(entry).byteLength === entry.bytes, 'a tensor has another size');
      if (isFloatFormat(entry.dtype)) {
        check(checkpoint.readFloats(entry).length === elementCount(entry.shape), 'a tensor has other elements');
      }
      findNonFinite(checkpoint, entry);
    }
  } finally {
    checkpoint.close();
  }
}
