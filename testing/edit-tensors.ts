import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Checkpoint } from '../quant/checkpoint/checkpoint.ts';

/** Changes the bytes of tensors of a checkpoint of one file, where they stand. */
export function editTensors(folder: string, edit: (name: string, bytes: Uint8Array) => void): void {
  const path = join(folder, 'model.safetensors');
  const content = readFileSync(path);
  const checkpoint = Checkpoint.open(folder);
  for (const { name, offset, bytes } of checkpoint.tensors.values())
    edit(name, content.subarray(offset, offset + bytes));
  checkpoint.close();
  writeFileSync(path, content);
}
