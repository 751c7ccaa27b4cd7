import { loadText, parseTextSource, type LoadedText, type LoadOptions } from '../eval/datasets/load-text.ts';
import { wikitextVariable } from '../eval/datasets/wikitext.ts';
import { hubAccess } from './hub-access.ts';
import type { CommandContext } from './run-command.ts';

/**
 * The text that `--data` names: `wikitext2`, from the file that CIDER_WIKITEXT2 (CIDER_WIKITEXT2_TRAIN for its train
 * split) names or else from the Hub; or a file.
 *
 * @param of WikiText: its rows joined by blank lines unless its raw file is asked for, and its test split unless another is
 * @throws NotFoundError and InputError as `loadText`, and those of `hub/`
 */
export function loadTextArgument(
  argument: string,
  context: CommandContext,
  { form, split = 'test' }: Pick<LoadOptions, 'form' | 'split'> = {},
): Promise<LoadedText> {
  const source = parseTextSource(argument);
  const { signal } = context;
  if (source.kind === 'file') return loadText(source, { form, signal });
  const wikitext2Path = process.env[wikitextVariable(split)];
  return loadText(source, { split, wikitext2Path, hub: hubAccess(context), form, signal });
}
