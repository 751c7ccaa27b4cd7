import { existsSync } from 'node:fs';
import os from 'node:os';
import { downloadModel } from '../hub/model-files.ts';
import { parseModelId } from '../hub/repository.ts';
import { hubCacheFolder } from '../hub/settings.ts';
import { isDownloaded } from '../hub/snapshot.ts';
import { NotFoundError } from '../quant/errors.ts';
import { hubAccess } from './hub-access.ts';
import type { CommandContext } from './run-command.ts';

/** What an argument that names a model may be, for the help. */
export const modelHelp =
  'folder of a Hugging Face checkpoint (safetensors), a .gguf file, or org/name[@revision] of the Hub';

/** A model argument after it was found: on this machine, where it may have been downloaded to. */
export interface ResolvedModel {
  /** Folder of a checkpoint, or one file; what `openModel` takes. */
  path: string;
  /** As results name it: a path as the user wrote it, or `org/name@<commit>` of the Hub. */
  name: string;
}

/**
 * The model that a user names: a folder or file on this machine, which always wins; else `org/name[@revision]` or
 * `hf://org/name[@revision]` of the Hugging Face Hub, downloaded unless the cache has it. `./x` and `/x` are paths.
 *
 * @throws NotFoundError `E_MODEL_NOT_FOUND` and those of `hub/`; UsageError for settings that make no sense; ResourceError
 */
export async function resolveModel(argument: string, context: CommandContext): Promise<ResolvedModel> {
  const repository = parseModelId(argument);
  if (!argument.startsWith('hf://') && existsSync(argument)) {
    if (repository && isDownloaded(hubCacheFolder(process.env, os.homedir()), repository)) {
      context.output.note(`${argument}: taken from this folder; hf://${argument} is the model of that name on the Hub`);
    }
    return { path: argument, name: argument };
  }
  if (!repository) {
    throw new NotFoundError(`${argument}: no such model folder or file`, {
      code: 'E_MODEL_NOT_FOUND',
      hint: 'give a folder or file on this machine, or org/name[@revision] of the Hugging Face Hub',
      details: { file: argument },
    });
  }
  const { folder, commit } = await downloadModel(hubAccess(context), repository);
  return { path: folder, name: `${repository.id}@${commit}` };
}
