import { join } from 'node:path';
import { checkInside } from '../checkpoint/checkpoint-files.ts';
import type { StoredModel } from '../checkpoint/stored-model.ts';
import { InputError } from '../errors.ts';
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

/** Largest document of a model without a folder: a tokenizer.json, of which the largest in use has 33 MB (Gemma 3). */
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

/** What goes over as it is: files of the model's folder, or documents that are made of the metadata of its only file. */
export interface SideContent {
  files: readonly SideFile[];
  documents: ReadonlyMap<string, Uint8Array>;
  /** What is missing, and what can be done about it. */
  warnings: readonly string[];
}

/**
 * A tokenizer that cannot be rebuilt is left out with a warning: the weights are of use with that of the original model.
 *
 * @throws as `listSideFiles`; InputError of documents that are damaged
 */
export function sideContent(
  fileSystem: FileSystem,
  { checkpoint, documents }: Pick<StoredModel, 'checkpoint' | 'documents'>,
): SideContent {
  if (checkpoint) return { files: listSideFiles(fileSystem, checkpoint.folder), documents: new Map(), warnings: [] };
  const copied = new Map<string, Uint8Array>();
  const warnings: string[] = [];
  for (const name of documents.names) {
    if (notCopied.some((pattern) => pattern.test(name))) continue;
    try {
      const content = documents.read(name, MAX_DOCUMENT_BYTES);
      if (content) copied.set(name, content);
    } catch (error) {
      if (!(error instanceof InputError) || error.code !== 'E_GGUF_TOKENIZER') throw error;
      warnings.push(`${error.message}; the output has no ${name}: put that of the original model there`);
    }
  }
  return { files: [], documents: copied, warnings };
}

/**
 * The side files of a model folder; subfolders stay behind.
 *
 * @throws InputError `E_LINK_OUTSIDE`: what a link of a downloaded model points to is not ours to copy
 */
function listSideFiles(fileSystem: FileSystem, folder: string): SideFile[] {
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
