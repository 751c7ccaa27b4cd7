import { describe, expect, it } from 'vitest';
import { dtypeBits, dtypes, isDtype, type Dtype } from './dtypes.ts';
import { elementCount, tensorBytes } from './tensor-size.ts';

const bytes = (dtype: Dtype, ...shape: number[]): number => tensorBytes({ name: 'a', dtype, shape }, 'x');
const code = (dtype: Dtype, ...shape: number[]): string => {
  try {
    return String(bytes(dtype, ...shape));
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('tensorBytes', () => {
  it.each(dtypes)('multiplies shape and bits of %s', (dtype) => {
    expect(bytes(dtype, 4, 2)).toBe(dtypeBits(dtype));
  });

  it('counts one element for rank 0 and none for a dimension of 0', () => {
    expect(bytes('F32')).toBe(4);
    expect(elementCount([])).toBe(1);
    expect(bytes('F32', 7, 0, 3)).toBe(0);
    expect(bytes('F4', 0, 3)).toBe(0);
  });

  it('reaches up to 2^53 - 1 bytes', () => {
    expect(bytes('U8', Number.MAX_SAFE_INTEGER)).toBe(Number.MAX_SAFE_INTEGER);
    expect(code('U8', 2 ** 53 - 1, 2)).toBe('E_SIZE_OVERFLOW');
    expect(code('F64', 2 ** 50)).toBe('E_SIZE_OVERFLOW');
    expect(code('U8', 2 ** 32, 2 ** 32)).toBe('E_SIZE_OVERFLOW');
    expect(code('U8', 2 ** 32, 2 ** 32, 0)).toBe('E_SIZE_OVERFLOW');
    expect(code('U8', 0, 2 ** 32, 2 ** 32)).toBe('E_SIZE_OVERFLOW');
  });

  it('refuses elements that end inside a byte', () => {
    expect(bytes('F4', 2)).toBe(1);
    expect(code('F4', 3)).toBe('E_SUB_BYTE_TAIL');
    expect(bytes('F6_E2M3', 4)).toBe(3);
    expect(code('F6_E2M3', 2)).toBe('E_SUB_BYTE_TAIL');
  });
});

describe('isDtype', () => {
  it('knows the dtypes and nothing that objects inherit', () => {
    expect(dtypes.every(isDtype)).toBe(true);
    expect(['I4', 'f32', '', 'constructor', '__proto__'].some(isDtype)).toBe(false);
  });
});
