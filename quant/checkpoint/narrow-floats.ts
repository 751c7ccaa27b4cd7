import { narrowBf16, narrowF16 } from '../../kernels/reference/float-formats.ts';
import { InputError } from '../errors.ts';
import { quoted } from './quoted.ts';
import type { WeightDtype } from './weight-dtype.ts';

/**
 * Values in the dtype that they are stored in, rounded to nearest even; what was widened from it comes back as it was.
 *
 * @param name of the tensor, for errors
 * @throws InputError `E_F16_OVERFLOW` for a value that F16 does not hold
 */
export function narrowFloats(values: Float32Array, dtype: WeightDtype, name: string): Float32Array | Uint16Array {
  switch (dtype) {
    case 'F32':
      return values;
    case 'BF16':
      return Uint16Array.from(values, narrowBf16);
    case 'F16': {
      const patterns = Uint16Array.from(values, narrowF16);
      const at = patterns.findIndex((pattern) => (pattern & 0x7fff) >= 0x7c00);
      if (at === -1) return patterns;
      throw new InputError(`tensor ${quoted(name)} comes to ${values[at]}, which F16 does not hold`, {
        code: 'E_F16_OVERFLOW',
        hint: 'start from a BF16 or F32 checkpoint',
        details: { tensor: name, value: String(values[at]), limit: 65504 },
      });
    }
  }
}
