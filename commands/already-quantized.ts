import { UsageError } from '../quant/errors.ts';

/** What `option` asks of a checkpoint that has a scheme of its own, `mode`. */
export function alreadyQuantized(option: string, value: string | readonly string[], mode: string): UsageError {
  const text = typeof value === 'string' ? value : value.join(',');
  return new UsageError(`${option} ${text}: the checkpoint is quantized (${mode}) and is taken as it is`, {
    code: 'E_ALREADY_QUANTIZED',
    hint: `leave ${option} away, or give the float checkpoint`,
    details: { value, scheme: mode },
  });
}
