import { describe, expect, it } from 'vitest';
import { array, f32, f64, handle, i32, text, u32, u64, type Field, type Fields } from './field.ts';
import { NativeHandle } from './handle.ts';
import { StructType } from './struct.ts';

const addressOf = (values: ArrayBufferView): bigint => BigInt(values.byteLength) << 8n;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('structs', () => {
  it('lay members out as C does, each on a multiple of its size', () => {
    const pair: Field<{ a: number; b: number }> = {
      type: { a: 'int32_t', b: 'uint64_t' },
      encode: (_, value) => value,
    };
    const fields: Fields<{ flag: number; pair: { a: number; b: number }; last: number }> = {
      flag: i32,
      pair,
      last: f32,
    };
    const struct = new StructType('op', fields, addressOf);
    const bytes = struct.use({ flag: -2, pair: { a: 3, b: 2 ** 40 + 1 }, last: 1 }, hex);
    expect(bytes).toBe(
      ['feffffff', '00000000', '03000000', '00000000', '0100000000010000', '0000803f', '00000000'].join(''),
    );
  });

  it('hold addresses of arrays, text and handles', () => {
    const fields: Fields<{
      x: Float64Array;
      name: string | null;
      none: string | null;
      weight: NativeHandle<'weight'>;
    }> = {
      x: array(Float64Array),
      name: text,
      none: text,
      weight: handle('weight'),
    };
    const struct = new StructType('op', fields, addressOf);
    const params = { x: new Float64Array(3), name: 'avx2', none: null, weight: new NativeHandle('weight', 0x1234n) };
    const made = struct.make(params);
    expect(Array.from(new BigUint64Array(made.bytes.buffer))).toEqual([24n << 8n, 5n << 8n, 0n, 0x1234n]);
    expect(made.held[0]).toBe(params.x);
    expect(made.held[1]).toEqual(Buffer.from('avx2\0'));
  });

  it('give back the numbers that a call left in them', () => {
    const fields: Fields<{ rows: number; seconds: number; token: number }> = { rows: u32, seconds: f64, token: i32 };
    const struct = new StructType('op', fields, addressOf);
    struct.use({ rows: 1, seconds: 0.5, token: 0 }, (bytes) => {
      new DataView(bytes.buffer).setInt32(16, -7, true);
    });
    expect(struct.answers()).toEqual({ seconds: 0.5, token: -7 });
  });

  it('refuse what does not fit, and name operation and member', () => {
    const struct = new StructType<{ bytes: number }>('op', { bytes: u64 }, addressOf);
    expect(() => struct.make({ bytes: -1 })).toThrow('op: bytes must be an integer');
    expect(() => struct.use({ bytes: 0.5 }, () => 'called')).toThrow(RangeError);
  });
});
