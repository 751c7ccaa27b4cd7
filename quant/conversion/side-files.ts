import { join } from 'node:path';
import { checkInside } from '../checkpoint/checkpoint-files.ts';
import { fileOperation, statusOf, type FileSystem } from '../file-system.ts';
import type { SourceRange } from './job.ts';

/** A file beside the weights that goes over as it is: tokenizer, generation defaults, licence, model card. */
export interface SideFile {
  name: string;
  source: Omit<SourceRange, 'offset' | 'bytes'>;
}

/** Weights in any format, files that are written anew, and files that belong to a tool rather than to the model. */
const notCopied = [
  /\.(safetensors|bin|pt|pth|ckpt|gguf|onnx|h5|msgpack|npz|tflite)$/i,
  /\.index\.json$/i,
  /^config\.json$/,
  /^cider\.json$/,
  /^\./,
];

/**
 * The side files of a model folder; subfolders stay behind.
 *
 * @throws InputError `E_LINK_OUTSIDE`: what a link of a downloaded model points to is not ours to copy
 */
export function listSideFiles(fileSystem: FileSystem, folder: string): SideFile[] {
  const names = fileOperation(folder, () => fileSystem.list(folder));
  return names.flatMap((name): SideFile[] => {
    if (notCopied.some((pattern) => pattern.test(name))) return [];
    const path = join(folder, name);
    const status = statusOf(fileSystem, path);
    if (status?.kind !== 'file') return [];
    checkInside(folder, name, fileSystem);
    return [{ name, source: { path, fileBytes: status.size, fileMtimeMs: status.mtimeMs } }];
  });
}
