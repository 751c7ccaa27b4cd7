import { InputError } from '../errors.ts';
import type { ModelConfig } from './hf-config.ts';

/**
 * Quantizing codes again would compound two errors, and the first of them would be taken for the model.
 *
 * @throws InputError `E_ALREADY_QUANTIZED`
 */
export function refuseQuantized({ quantization }: Pick<ModelConfig, 'quantization'>): void {
  if (quantization === undefined) return;
  throw new InputError(`config.json: the checkpoint is quantized already (${quantization})`, {
    code: 'E_ALREADY_QUANTIZED',
    hint: 'start from the float checkpoint that it was made from',
    details: { file: 'config.json', value: quantization },
  });
}
