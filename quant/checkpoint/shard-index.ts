import { InputError, type ErrorDetails } from '../errors.ts';
import { compareBytes } from './name-order.ts';
import { listed, quoted } from './quoted.ts';
import type { FileLayout } from './safetensors-layout.ts';
import { isJsonObject, type JsonLimits, type JsonValue } from './strict-json.ts';

export const INDEX_NAME = 'model.safetensors.index.json';

/**
 * Twice the largest known index, of a model with half a million tensors (60 MB). Depth 8: only two levels are read, but
 * tools leave notes in `metadata`. Real total sizes are sometimes written as floats.
 */
export const indexLimits: JsonLimits = {
  maxBytes: 128 * 1024 * 1024,
  maxDepth: 8,
  maxKeyBytes: 4096,
  maxValues: 1_000_000,
  numbers: 'any',
};

/** Tensor name to the basename of the file that holds it. */
export type WeightMap = ReadonlyMap<string, string>;

/**
 * The `weight_map` of an index. `metadata.total_size` is not compared: published ones often are wrong, tied weights
 * being counted twice.
 *
 * @throws InputError `E_INDEX`, `E_SHARD_NAME`
 */
export function parseWeightMap(root: JsonValue, file: string): WeightMap {
  const map = isJsonObject(root) ? root.get('weight_map') : undefined;
  if (!isJsonObject(map) || map.size === 0) {
    fail('E_INDEX', `${file}: there is no "weight_map" object that names a tensor`, { file });
  }
  const weightMap = new Map<string, string>();
  for (const [tensor, shard] of map) {
    if (typeof shard !== 'string' || !isShardName(shard)) {
      const found = typeof shard === 'string' ? quoted(shard) : 'a value that is not a string';
      fail(
        'E_SHARD_NAME',
        `${file}: the weight_map of tensor ${quoted(tensor)} must name a .safetensors file in the same folder, not ${found}`,
        { file, tensor, shard: typeof shard === 'string' ? shard : undefined },
      );
    }
    weightMap.set(tensor, shard);
  }
  return weightMap;
}

/**
 * A basename that stays inside its folder on every system: separators of POSIX and of Windows, drives and UNC hosts are
 * refused, so that an index cannot make cider read another file (CWE-22).
 */
function isShardName(name: string): boolean {
  return name.endsWith('.safetensors') && !/[/\\:\p{Cc}]/u.test(name) && name.length <= MAX_SHARD_NAME;
}

/** What file systems take for one name. */
const MAX_SHARD_NAME = 255;

/** Files that a model consists of; others, such as `consolidated.safetensors` or an fp32 variant, are let alone. */
const shardPattern = /^model(-\d{5,}-of-\d{5,})?\.safetensors$/;

export function isModelFile(name: string): boolean {
  return shardPattern.test(name);
}

/**
 * The shards of an index, each of which must be in the folder; nor may the folder hold a shard that the index forgets.
 *
 * @param names what the folder holds
 * @throws InputError `E_SHARD_MISSING`, `E_SHARD_NOT_IN_INDEX`
 */
export function checkShardFiles(weightMap: WeightMap, names: readonly string[], file: string): readonly string[] {
  const wanted = [...new Set(weightMap.values())].sort();
  const present = new Set(names);
  const missing = wanted.filter((name) => !present.has(name));
  if (missing.length > 0) {
    throw new InputError(`${file}: ${missing.length} of ${wanted.length} files are missing: ${listed(missing)}`, {
      code: 'E_SHARD_MISSING',
      hint: 'download the missing files',
      details: { file, missing: missing.slice(0, MAX_LISTED) },
    });
  }
  const known = new Set(wanted);
  const extra = names.filter((name) => isModelFile(name) && !known.has(name));
  if (extra.length > 0) {
    throw new InputError(`${file}: the folder holds weights that the index does not mention: ${listed(extra)}`, {
      code: 'E_SHARD_NOT_IN_INDEX',
      hint: 'they may be left over from another version of the model; move them away',
      details: { file, extra: extra.slice(0, MAX_LISTED) },
    });
  }
  return wanted;
}

/**
 * The text of an index: members and names in a fixed order, so that the same shards give the same bytes.
 *
 * @param shards files with what `layoutFile` made of them
 */
export function shardIndex(shards: readonly { name: string; layout: FileLayout }[]): string {
  const totalSize = shards.reduce((sum, { layout }) => sum + layout.fileBytes - layout.header.byteLength, 0);
  const entries = shards.flatMap(({ name, layout }) => [...layout.offsets.keys()].map((tensor) => [tensor, name]));
  const members = entries
    .sort(([a], [b]) => compareBytes(a, b))
    .map(([tensor, shard]) => `    ${JSON.stringify(tensor)}: ${JSON.stringify(shard)}`);
  return `{
  "metadata": {
    "total_size": ${totalSize}
  },
  "weight_map": {
${members.join(',\n')}
  }
}
`;
}

/** Details of an error are for people and scripts, not for half a million names. */
const MAX_LISTED = 20;

/**
 * Index and shards must agree on where every tensor is.
 *
 * @param tensorsOf tensor names of each shard, by its basename
 * @throws InputError `E_TENSOR_IN_TWO_SHARDS`, `E_TENSOR_MISSING`, `E_TENSOR_NOT_IN_INDEX`
 */
export function checkShardTensors(
  weightMap: WeightMap,
  tensorsOf: ReadonlyMap<string, readonly string[]>,
  file: string,
): void {
  const shardOf = new Map<string, string>();
  const twice: string[] = [];
  for (const [shard, tensors] of tensorsOf) {
    for (const tensor of tensors) {
      if (shardOf.has(tensor)) twice.push(tensor);
      else shardOf.set(tensor, shard);
    }
  }
  refuse(twice, 'E_TENSOR_IN_TWO_SHARDS', 'are in two shards', file);
  const missing = [...weightMap].filter(([tensor, shard]) => shardOf.get(tensor) !== shard).map(([tensor]) => tensor);
  refuse(missing, 'E_TENSOR_MISSING', 'are not in the shard that the index names', file);
  const unknown = [...shardOf.keys()].filter((tensor) => !weightMap.has(tensor));
  refuse(unknown, 'E_TENSOR_NOT_IN_INDEX', 'are in a shard but not in the index', file);
}

function refuse(tensors: readonly string[], code: string, what: string, file: string): void {
  if (tensors.length === 0) return;
  const message = `${file}: ${tensors.length} tensors ${what}: ${listed(tensors)}`;
  fail(code, message, { file, tensors: tensors.slice(0, MAX_LISTED) });
}

function fail(code: string, message: string, details: ErrorDetails): never {
  throw new InputError(message, { code, details });
}
