import { UsageError } from '../quant/errors.ts';

/** What `option` asks of a model that has a scheme of its own. */
export function alreadyQuantized(
  option: string,
  value: string | readonly string[],
  scheme: string | undefined,
): UsageError {
  const text = typeof value === 'string' ? value : value.join(',');
  return new UsageError(`${option} ${text}: the model is quantized (${scheme ?? 'unknown'}) and is taken as it is`, {
    code: 'E_ALREADY_QUANTIZED',
    hint: `leave ${option} away, or give the float checkpoint`,
    details: { value, scheme },
  });
}
