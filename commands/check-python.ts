import { askPython, type PythonOptions } from '../eval/neighbours/ask-python.ts';
import type { CheckedScheme } from '../eval/neighbours/neighbour.ts';
import { parseListing, type Listing } from '../eval/neighbours/protocol.ts';
import { NotFoundError } from '../quant/errors.ts';
import type { CheckFlags } from './check-flags.ts';
import { packagePath } from './package-path.ts';

/** Where neighbours are looked for, and what is there. */
export interface FoundPython {
  options: PythonOptions;
  /** Or why there is nothing. */
  listing: Listing | string;
}

/** To list packages takes a second, on a slow disk some; a `--timeout` below that counts here too. */
const LIST_SECONDS = 60;

const DEFAULT_PYTHON = 'python3';

/**
 * Asks Python which neighbours it has: the interpreter of `--python` or of CIDER_PYTHON, or else `python3`, which need not
 * be there.
 *
 * @throws NotFoundError `E_PYTHON_UNUSABLE` for one that was named
 */
export async function findPython(
  { python: flag, timeout }: CheckFlags,
  { format }: CheckedScheme,
  signal: AbortSignal,
): Promise<FoundPython> {
  const variable = process.env['CIDER_PYTHON'];
  const named = flag ?? (variable === '' ? undefined : variable);
  const python = named ?? DEFAULT_PYTHON;
  const options = { python, script: packagePath('eval/neighbours/neighbours.py'), timeoutSeconds: timeout, signal };
  const timeoutSeconds = Math.min(timeout, LIST_SECONDS);
  const listing = await list(format === 'compressed-tensors', { ...options, timeoutSeconds });
  if (named === undefined || typeof listing !== 'string') return { options, listing };
  throw new NotFoundError(`${named} is of no use as Python: ${listing}`, {
    code: 'E_PYTHON_UNUSABLE',
    hint: 'name an interpreter of Python 3.9 or later with --python or CIDER_PYTHON, or none',
    details: { file: named, reason: listing },
  });
}

async function list(compressed: boolean, options: PythonOptions): Promise<Listing | string> {
  const answer = await askPython({ do: 'list', compressed }, options);
  if (!answer.ok) return answer.started ? answer.reason : `there is no ${options.python}`;
  return parseListing(answer.answer) ?? 'its answer is not of the protocol';
}
