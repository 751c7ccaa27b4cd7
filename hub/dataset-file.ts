import { join } from 'node:path';
import type { Hub } from './hub.ts';
import { openSnapshot } from './snapshot.ts';

/**
 * Downloads one file of a dataset, unless the cache has it.
 *
 * @param id `organization/name`
 * @param name path in the repository
 * @returns its path on this machine
 * @throws NotFoundError `E_HUB_*`; ResourceError
 */
export async function downloadDatasetFile(hub: Hub, id: string, name: string): Promise<string> {
  const snapshot = await openSnapshot(hub, { kind: 'dataset', id, revision: 'main' });
  await snapshot.provide([name]);
  snapshot.keep();
  return join(snapshot.folder, name);
}
