import type { StoredModel } from '../checkpoint/stored-model.ts';
import { quoted, listed } from '../checkpoint/quoted.ts';
import { InputError } from '../errors.ts';
import { isPlain } from '../methods/treatment.ts';
import type { ConversionRequest } from './prepare.ts';
import { formatOf } from './plan.ts';
import { canRepack } from './repack.ts';

/**
 * How a conversion reads its input: `bytes` of files, which threads turn into those of the output; `tensors`, one at a time,
 * by the rule of their format; or `codes`, which go over as they are.
 */
export type Route = 'bytes' | 'tensors' | 'codes';

/** A conversion that may go on. */
export interface Accepted {
  route: Route;
  /** What was asked for; where codes stay as they are, so do the layers without any. */
  request: ConversionRequest;
}

export interface AcceptOptions {
  /** Whether a quantized model may be dequantized: to stay so, or to be quantized again. */
  allowQuantized: boolean;
  onWarning: (text: string) => void;
}

/**
 * Decides how a model is to be converted, if at all. Codes that the output can hold stay as they are. Quantizing codes again
 * compounds two errors, and the first of them would be taken for the model: that has to be asked for.
 *
 * @throws InputError `E_ALREADY_QUANTIZED`; as `canRepack`
 */
export function acceptInput(
  model: StoredModel,
  request: ConversionRequest,
  { allowQuantized, onWarning }: AcceptOptions,
): Accepted {
  const { scheme, format } = model;
  if (scheme === undefined) return { route: format === 'float' ? 'bytes' : 'tensors', request };
  const { mode, treatment, clip } = request;
  // In its own format a model is already.
  const changesFormat = mode !== 'float' && formatOf(request).name !== format;
  const keepsCodes = changesFormat && isPlain(treatment) && clip.kind === 'minmax';
  const verdict = keepsCodes ? canRepack(model, request) : undefined;
  if (verdict?.possible === true) {
    const { dequantized, float } = verdict;
    if (dequantized.length > 0) onWarning(`quantized in the input, float in the output: ${listed(dequantized, 3)}`);
    return {
      route: 'codes',
      request: { ...request, ignore: [...new Set([...request.ignore, ...float])], repack: true },
    };
  }
  if (!allowQuantized) throw alreadyQuantized(model, verdict);
  if (mode !== 'float') {
    onWarning(
      `the input is quantized (${scheme}): its weights are dequantized and rounded again, and both errors add up`,
    );
  }
  return { route: 'tensors', request };
}

function alreadyQuantized(
  { path, scheme, format }: StoredModel,
  verdict: { tensor: string; why: string } | undefined,
): InputError {
  const why = verdict ? `, and its codes cannot stay as they are: ${quoted(verdict.tensor)}: ${verdict.why}` : '';
  return new InputError(`${path}: the model is quantized already (${format}: ${scheme})${why}`, {
    code: 'E_ALREADY_QUANTIZED',
    hint: 'start from the float checkpoint; convert --mode float dequantizes this one, --allow-requantize goes on from it',
    details: { file: path, format, scheme },
  });
}
