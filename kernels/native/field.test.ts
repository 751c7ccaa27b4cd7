import { describe, expect, it } from 'vitest';
import { array, arrayOf, encode, f32, f64, handle, i32, text, u32, u64, type Field, type Fields } from './field.ts';
import { NativeHandle } from './handle.ts';

const accepts = (field: Field<never>, value: unknown): unknown => field.encode('x', value as never);
const refuses = (field: Field<never>, value: unknown): void => {
  expect(() => accepts(field, value)).toThrow(RangeError);
  expect(() => accepts(field, value)).toThrow(/^x\b/);
};

describe('integers', () => {
  it.each([
    ['i32', i32, -(2 ** 31), 2 ** 31 - 1],
    ['u32', u32, 0, 2 ** 32 - 1],
    ['u64', u64, 0, Number.MAX_SAFE_INTEGER],
  ] as const)('%s takes its range and nothing else', (_, field, minimum, maximum) => {
    expect(accepts(field, minimum)).toBe(minimum);
    expect(accepts(field, maximum)).toBe(maximum);
    for (const value of [minimum - 1, maximum + 1, 1.5, NaN, Infinity, '1', null, undefined, 1n, [1], true]) {
      refuses(field, value);
    }
  });
});

describe('floats', () => {
  it('f32 takes finite numbers up to the largest f32', () => {
    for (const value of [0, -0.5, 3.4028234663852886e38]) expect(accepts(f32, value)).toBe(value);
    for (const value of [NaN, Infinity, 3.5e38, '1', null, undefined, 1n]) refuses(f32, value);
  });

  it('f64 takes every finite number', () => {
    expect(accepts(f64, 1e300)).toBe(1e300);
    for (const value of [NaN, -Infinity, '1', undefined]) refuses(f64, value);
  });
});

describe('arrays', () => {
  it('are of one class', () => {
    const values = Float32Array.of(1, 2);
    expect(accepts(array(Float32Array), values)).toBe(values);
    const others = [new Float64Array(2), new Int32Array(2), new Uint8Array(8), [1, 2], values.buffer, null, undefined];
    for (const value of others) refuses(array(Float32Array), value);
    refuses(array(Int8Array), new Uint8Array(2));
  });

  it('hold something: an empty or detached one has no address', () => {
    refuses(array(Float32Array), new Float32Array(0));
    const detached = Float32Array.of(1);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    refuses(array(Float32Array), detached);
  });

  it('may be of several classes', () => {
    const field = arrayOf<Float32Array | Uint16Array>(Float32Array, Uint16Array);
    expect(accepts(field, Uint16Array.of(1))).toEqual(Uint16Array.of(1));
    refuses(field, new Int16Array(1));
    refuses(field, new Uint16Array(0));
  });
});

describe('handles and text', () => {
  it('are of one kind and not released', () => {
    const buffer = new NativeHandle('buffer', 64n);
    expect(accepts(handle('buffer'), buffer)).toBe(64n);
    refuses(handle('weight'), buffer);
    expect(buffer.takeAddress()).toBe(64n);
    expect(buffer.takeAddress()).toBeUndefined();
    refuses(handle('buffer'), buffer);
    for (const value of [null, undefined, 64n, {}]) refuses(handle('buffer'), value);
  });

  it('holds no NUL character', () => {
    expect(accepts(text, 'größe')).toBe('größe');
    expect(accepts(text, null)).toBeNull();
    for (const value of ['a\0b', 1, undefined]) refuses(text, value);
  });
});

describe('encode', () => {
  const fields: Fields<{ rows: number; x: Float32Array }> = { rows: u32, x: array(Float32Array) };

  it('names operation and member', () => {
    expect(() => encode('add', fields, { rows: -1, x: new Float32Array(1) })).toThrow(
      'add: rows must be an integer from 0 to 4294967295, not -1',
    );
    expect(() => encode('add', fields, { rows: 1 } as never)).toThrow('add: x must be a Float32Array, not undefined');
  });

  it('passes arrays on without a copy', () => {
    const x = Float32Array.of(1, 2, 3).subarray(1);
    expect(encode('add', fields, { rows: 1, x })['x']).toBe(x);
  });
});
