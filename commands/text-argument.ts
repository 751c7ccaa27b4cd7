import { loadText, parseTextSource, type LoadedText, type LoadOptions } from '../eval/datasets/load-text.ts';
import { hubAccess } from './hub-access.ts';
import type { CommandContext } from './run-command.ts';

/**
 * The text that `--data` names: `wikitext2`, from the file that CIDER_WIKITEXT2 names or else from the Hub; or a file.
 *
 * @param form of WikiText: its rows joined by blank lines unless its raw file is asked for
 * @throws NotFoundError and InputError as `loadText`, and those of `hub/`
 */
export function loadTextArgument(
  argument: string,
  context: CommandContext,
  form?: LoadOptions['form'],
): Promise<LoadedText> {
  const source = parseTextSource(argument);
  const { signal } = context;
  if (source.kind === 'file') return loadText(source, { form, signal });
  return loadText(source, { wikitext2Path: process.env['CIDER_WIKITEXT2'], hub: hubAccess(context), form, signal });
}
