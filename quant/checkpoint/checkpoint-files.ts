import { dirname, join, sep } from 'node:path';
import { InputError, NotFoundError } from '../errors.ts';
import { fileOperation, statusOf, type FileSystem } from '../file-system.ts';
import { readWholeFile } from '../read-file.ts';
import { foreignWeightsError } from './foreign-format.ts';
import { listed, quoted } from './quoted.ts';
import {
  checkShardFiles,
  INDEX_NAME,
  indexLimits,
  isModelFile,
  parseWeightMap,
  type WeightMap,
} from './shard-index.ts';
import { parseJson } from './strict-json.ts';

export interface CheckpointFiles {
  folder: string;
  /** Paths of the safetensors files, sorted by name. */
  paths: readonly string[];
  /** There when an index names the shards. */
  weightMap?: WeightMap;
}

const SINGLE_NAME = 'model.safetensors';

/**
 * The safetensors files of a model: the one given, or those of a folder by Hugging Face's convention.
 *
 * @throws NotFoundError `E_MODEL_NOT_FOUND`, `E_WEIGHTS_NOT_FOUND`; InputError `E_INDEX_MISSING`, `E_LINK_OUTSIDE`,
 * `E_PICKLE`, `E_GGUF`, those of `shard-index.ts` and `E_JSON_*`
 */
export function findCheckpointFiles(path: string, fileSystem: FileSystem): CheckpointFiles {
  const status = statusOf(fileSystem, path);
  if (!status) {
    throw new NotFoundError(`${path}: no such model folder or file`, {
      code: 'E_MODEL_NOT_FOUND',
      hint: 'give a folder on this machine; models are not downloaded',
      details: { file: path },
    });
  }
  if (status.kind !== 'folder') return { folder: dirname(path), paths: [path] };

  const names = fileOperation(path, () => fileSystem.list(path));
  const weightMap = names.includes(INDEX_NAME) ? readWeightMap(path, fileSystem) : undefined;
  const shards = weightMap ? checkShardFiles(weightMap, names, INDEX_NAME) : withoutIndex(path, names);
  for (const name of shards) checkInside(path, name, fileSystem);
  const paths = shards.map((name) => join(path, name));
  return weightMap ? { folder: path, paths, weightMap } : { folder: path, paths };
}

function readWeightMap(folder: string, fileSystem: FileSystem): WeightMap {
  checkInside(folder, INDEX_NAME, fileSystem);
  const text = readWholeFile(join(folder, INDEX_NAME), indexLimits.maxBytes, fileSystem);
  return parseWeightMap(parseJson(text, INDEX_NAME, indexLimits), INDEX_NAME);
}

function withoutIndex(folder: string, names: readonly string[]): readonly string[] {
  const shards = names.filter(isModelFile);
  if (shards.length === 1 && shards[0] === SINGLE_NAME) return shards;
  if (shards.length > 0) {
    throw new InputError(`${folder}: ${INDEX_NAME} is missing beside ${listed(shards)}`, {
      code: 'E_INDEX_MISSING',
      hint: 'download the index, or give the path of one .safetensors file',
      details: { folder, files: shards.slice(0, 20) },
    });
  }
  const foreign = foreignWeightsError(folder, names);
  const others = names.filter((name) => name.endsWith('.safetensors'));
  if (foreign && others.length === 0) throw foreign;
  throw new NotFoundError(`${folder}: there is neither ${SINGLE_NAME} nor ${INDEX_NAME}`, {
    code: 'E_WEIGHTS_NOT_FOUND',
    hint: others.length > 0 ? `to read ${others[0]}, give its path` : undefined,
    details: { folder },
  });
}

/**
 * A file of the folder must be in the folder after all links are followed, or in a blob store of the Hugging Face cache
 * that the folder is a snapshot of: `models--x/snapshots/<revision>/y` links to `models--x/blobs/<hash>`, and that may
 * link to `blobs/<two digits>/<hash>` beside `models--x`, which all models share.
 *
 * @throws InputError `E_LINK_OUTSIDE`
 */
export function checkInside(folder: string, name: string, fileSystem: FileSystem): void {
  const path = join(folder, name);
  const realFolder = fileOperation(folder, () => fileSystem.realPath(folder));
  const realFile = fileOperation(path, () => fileSystem.realPath(path));
  if (dirname(realFile) === realFolder) return;
  const stores = blobStoresOf(realFolder);
  if (stores && (dirname(realFile) === stores.own || dirname(dirname(realFile)) === stores.shared)) return;
  throw new InputError(`${name}: the link leads out of the folder of the model, to ${quoted(realFile)}`, {
    code: 'E_LINK_OUTSIDE',
    hint: 'copy the file into the folder, or give the path of the file itself',
    details: { file: name, target: realFile },
  });
}

function blobStoresOf(realFolder: string): { own: string; shared: string } | undefined {
  const parts = realFolder.split(sep);
  const at = parts.lastIndexOf('snapshots');
  if (at < 2 || at === parts.length - 1) return undefined;
  return { own: [...parts.slice(0, at), 'blobs'].join(sep), shared: [...parts.slice(0, at - 1), 'blobs'].join(sep) };
}
