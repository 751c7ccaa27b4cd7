import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { closeFile, fileOperation, readExactly, statusOf, type FileSystem } from '../file-system.ts';
import { checkInside } from './checkpoint-files.ts';
import { openFile } from './open-file.ts';
import { listed } from './quoted.ts';

const MAGIC = 'GGUF';

/**
 * The GGUF file that a path stands for: one that begins as such, or the only weights of a folder.
 *
 * @returns undefined if it stands for something else
 * @throws InputError `E_GGUF_SEVERAL` for a folder with several, `E_LINK_OUTSIDE`; ResourceError
 */
export function findGguf(path: string, fileSystem: FileSystem): string | undefined {
  const kind = statusOf(fileSystem, path)?.kind;
  if (kind === 'file') return beginsAsGguf(path, fileSystem) ? path : undefined;
  if (kind !== 'folder') return undefined;
  const names = fileOperation(path, () => fileSystem.list(path));
  const found = names.filter((name) => name.endsWith('.gguf'));
  if (found.length === 0 || names.some((name) => isOtherWeights.test(name))) return undefined;
  if (found.length > 1) {
    throw new InputError(`${path}: there are several GGUF files: ${listed(found)}`, {
      code: 'E_GGUF_SEVERAL',
      hint: 'give the path of one of them',
      details: { folder: path, files: found.slice(0, 20) },
    });
  }
  checkInside(path, found[0], fileSystem);
  return join(path, found[0]);
}

/** Safetensors go first; pickles beside a GGUF file are another model's, perhaps. */
const isOtherWeights = /\.(safetensors|safetensors\.index\.json|bin|pt|pth|ckpt|pkl)$/;

function beginsAsGguf(path: string, fileSystem: FileSystem): boolean {
  const fd = openFile(path, fileSystem);
  try {
    const start = Buffer.alloc(MAGIC.length);
    return readExactly(fileSystem, fd, start, 0, path) && start.toString('latin1') === MAGIC;
  } finally {
    closeFile(fileSystem, fd, path);
  }
}
