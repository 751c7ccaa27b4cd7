import { describe, expect, it } from 'vitest';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { InputError } from '../../quant/errors.ts';
import { pickToken } from './pick-token.ts';

const backend = openReferenceBackend();
const greedy = { temperature: 0, random: 0 };

const pick = (logits: readonly number[], options = greedy): number =>
  pickToken(backend, backend.upload(1, logits.length, Float32Array.from(logits)), options);

describe('pickToken', () => {
  it('takes the largest, of equal ones the first', () => {
    expect(pick([-Infinity, 2, 3, 3])).toBe(2);
  });

  it.each([[[1, NaN, 2]], [[1, Infinity]], [[-Infinity, -Infinity]]])(
    'names logits that are not finite: %j',
    (logits) => {
      expect(() => pick(logits)).toThrow(InputError);
      expect(() => pick(logits)).toThrow(expect.objectContaining({ code: 'E_NON_FINITE_LOGITS' }));
    },
  );

  it('leaves other errors alone', () => {
    expect(() => pick([1, 2], { temperature: -1, random: 0 })).toThrow(RangeError);
  });
});
