import { join } from 'node:path';
import { foreignWeightsError } from '../quant/checkpoint/foreign-format.ts';
import { INDEX_NAME, indexLimits, isModelFile, parseWeightMap } from '../quant/checkpoint/shard-index.ts';
import { parseJson } from '../quant/checkpoint/strict-json.ts';
import { NotFoundError } from '../quant/errors.ts';
import { readWholeFile } from '../quant/read-file.ts';
import { hubFailure, offlineFailure } from './failures.ts';
import type { Hub } from './hub.ts';
import { describeRepository, type Repository } from './repository.ts';
import { openSnapshot, type Snapshot } from './snapshot.ts';

/** Configuration, tokenizer in all its forms, chat template: text that says what the weights mean. Never code, never pickles. */
const sideFiles: readonly RegExp[] = [
  /^(config|generation_config|tokenizer\w*|special_tokens_map|added_tokens|vocab|chat_template)\.json$/,
  /^(merges\.txt|tokenizer\.model|chat_template\.jinja)$/,
  /^LICENSE(\.\w+)?$/,
];

/**
 * Downloads what `cider` needs of a model, unless the cache has it: configuration and tokenizer first, then the weights
 * that the index names. Other weights of the repository are left alone, such as a second copy in one file.
 *
 * @returns the folder of the snapshot
 * @throws NotFoundError `E_HUB_*`, `E_WEIGHTS_NOT_FOUND`; InputError `E_PICKLE`, `E_GGUF`, `E_INDEX*`, `E_SHARD_NAME`;
 * ResourceError
 */
export async function downloadModel(hub: Hub, repository: Repository): Promise<{ folder: string; commit: string }> {
  const snapshot = await openSnapshot(hub, repository);
  const names = [...snapshot.names];
  const hasIndex = snapshot.names.has(INDEX_NAME);
  if (!hasIndex) refuseOtherWeights(snapshot);
  const wanted = names.filter((name) => sideFiles.some((pattern) => pattern.test(name)));
  await snapshot.provide(hasIndex ? [...wanted, INDEX_NAME] : wanted);
  await snapshot.provide(hasIndex ? shardsOf(snapshot.folder) : names.filter(isModelFile));
  snapshot.keep();
  return { folder: snapshot.folder, commit: snapshot.commit };
}

function shardsOf(folder: string): readonly string[] {
  const bytes = readWholeFile(join(folder, INDEX_NAME), indexLimits.maxBytes);
  return [...new Set(parseWeightMap(parseJson(bytes, INDEX_NAME, indexLimits), INDEX_NAME).values())];
}

/** Before gigabytes arrive that nothing here can read. */
function refuseOtherWeights({ repository, names, isCached }: Snapshot): void {
  const weights = [...names].filter(isModelFile);
  if (weights.length === 1) return;
  const subject = { repository };
  if (isCached) throw offlineFailure({ ...subject, file: 'model.safetensors' });
  if (weights.length > 1)
    throw hubFailure(subject, 'E_INDEX_MISSING', `${INDEX_NAME} is missing beside ${weights.length} shards`);
  const name = describeRepository(repository);
  const foreign = foreignWeightsError(name, [...names]);
  if (foreign) throw foreign;
  throw new NotFoundError(`${name}: the repository holds neither model.safetensors nor ${INDEX_NAME}`, {
    code: 'E_WEIGHTS_NOT_FOUND',
    details: { repository: repository.id },
  });
}
