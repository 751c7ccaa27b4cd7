import { openModel } from '../quant/checkpoint/open-model.ts';
import type { StoredModel } from '../quant/checkpoint/stored-model.ts';
import type { CommandContext } from './run-command.ts';

/**
 * The model at a path that `resolveModel` found, for a command that runs it as it is: what of it nobody uses, or is done
 * otherwise than its format means it, is said. The caller closes it.
 *
 * @throws as `openModel`
 */
export function openInput(path: string, { output }: CommandContext): StoredModel {
  const model = openModel(path);
  for (const warning of model.warnings) output.warn(warning);
  return model;
}
