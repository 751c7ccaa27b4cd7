import type { Backend, SampleOptions, Tensor } from '../../kernels/backend.ts';
import { InputError } from '../../quant/errors.ts';

/** A token by its logits, `[1, vocabSize]`. @throws InputError `E_NON_FINITE_LOGITS` */
export function pickToken(backend: Backend, logits: Tensor, options: SampleOptions): number {
  try {
    return backend.sample(logits, options);
  } catch (error) {
    // Backends refuse to choose among such logits; only then is it worth while to look at all of them.
    const values = backend.download(logits);
    const largest = values.reduce((most, value) => Math.max(most, value));
    if (Number.isFinite(largest)) throw error;
    throw new InputError(`the model gives ${largest} among its logits, so that no token can be chosen`, {
      code: 'E_NON_FINITE_LOGITS',
      hint: 'the weights may be damaged; cider inspect --check looks at every value',
      details: { value: String(largest) },
      cause: error,
    });
  }
}
