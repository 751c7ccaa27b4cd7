/**
 * The float formats of checkpoints, converted by exact bit arithmetic: Node 20 has no Float16Array.
 *
 * Widening is exact, since f32 holds every value of the smaller formats; all NaNs widen to a NaN. Narrowing rounds once,
 * to nearest even. The bulk conversions view bytes as they lie in memory and so assume a little-endian host, as every
 * machine that Node runs on with a prebuilt library is.
 *
 * Formats: IEEE 754 binary16; bfloat16; OCP 8-bit floating point (E4M3 without infinities, E5M2); OCP microscaling
 * (E8M0, a power of two); the FNUZ variants of arXiv:2206.02915 (one zero, one NaN, no infinities).
 */

export const floatFormats = [
  'F64',
  'F32',
  'F16',
  'BF16',
  'F8_E4M3',
  'F8_E5M2',
  'F8_E8M0',
  'F8_E4M3FNUZ',
  'F8_E5M2FNUZ',
] as const;

/** Named as in safetensors. */
export type FloatFormat = (typeof floatFormats)[number];

export function isFloatFormat(name: string): name is FloatFormat {
  return (floatFormats as readonly string[]).includes(name);
}

/** The value of sign, exponent and fraction bits, the exponent of all ones included: NaN and infinity are the caller's. */
function decode(bits: number, exponentBits: number, fractionBits: number, bias: number): number {
  const fraction = bits & ((1 << fractionBits) - 1);
  const exponent = (bits >> fractionBits) & ((1 << exponentBits) - 1);
  const isNegative = bits >> (fractionBits + exponentBits) !== 0;
  const magnitude =
    exponent === 0
      ? fraction * 2 ** (1 - bias - fractionBits)
      : ((1 << fractionBits) | fraction) * 2 ** (exponent - bias - fractionBits);
  return isNegative ? -magnitude : magnitude;
}

/** IEEE 754 binary16: 1-5-10, bias 15. */
export function widenF16(bits: number): number {
  if ((bits & 0x7c00) !== 0x7c00) return decode(bits, 5, 10, 15);
  if ((bits & 0x3ff) !== 0) return NaN;
  return bits & 0x8000 ? -Infinity : Infinity;
}

/** bfloat16: the upper half of an f32. */
export function widenBf16(bits: number): number {
  f32Bits[0] = bits << 16;
  return f32[0];
}

/** OCP E4M3: bias 7, largest 448, NaN where all other bits are one. */
export function widenF8E4M3(bits: number): number {
  return (bits & 0x7f) === 0x7f ? NaN : decode(bits, 4, 3, 7);
}

/** OCP E5M2: the upper half of a binary16. */
export function widenF8E5M2(bits: number): number {
  return widenF16(bits << 8);
}

/** OCP E8M0: 2^(bits - 127), and NaN for 255. */
export function widenF8E8M0(bits: number): number {
  return bits === 0xff ? NaN : 2 ** (bits - 127);
}

/** E4M3 with bias 8, largest 240; what would be negative zero is the only NaN. */
export function widenF8E4M3Fnuz(bits: number): number {
  return bits === 0x80 ? NaN : decode(bits, 4, 3, 8);
}

/** E5M2 with bias 16, largest 57344; what would be negative zero is the only NaN. */
export function widenF8E5M2Fnuz(bits: number): number {
  return bits === 0x80 ? NaN : decode(bits, 5, 2, 16);
}

const f32 = new Float32Array(1);
const f32Bits = new Uint32Array(f32.buffer);
const f64 = new Float64Array(1);
const f64Words = new Uint32Array(f64.buffer);

/**
 * Bits of the value of a format with the same layout as IEEE 754 that is nearest to `value`, ties to even. The number
 * of steps of size 2^(exponent - fractionBits) is rounded once; a carry out of the fraction lands in the exponent by
 * itself, and out of the largest exponent in the pattern of infinity.
 */
function narrow(value: number, exponentBits: number, fractionBits: number): number {
  const infinity = ((1 << exponentBits) - 1) << fractionBits;
  if (Number.isNaN(value)) return infinity | (1 << (fractionBits - 1));
  const bias = (1 << (exponentBits - 1)) - 1;
  f64[0] = value;
  const high = f64Words[1];
  const sign = (high >>> 31) << (exponentBits + fractionBits);
  const exponent = ((high >>> 20) & 0x7ff) - 1023;
  if (exponent > bias) return sign | infinity;
  const scale = Math.max(exponent, 1 - bias);
  // The step as a float64 whose exponent field is written directly: exact, and far cheaper than 2 ** n.
  f64Words[0] = 0;
  f64Words[1] = (scale - fractionBits + 1023) << 20;
  const steps = Math.abs(value) / f64[0];
  const rounded = steps + 2 ** 52 - 2 ** 52;
  return sign | (((scale - 1 + bias) << fractionBits) + rounded);
}

/** Nearest F16 bits; 65520 and more become infinity, NaN the quiet NaN 0x7e00. */
export function narrowF16(value: number): number {
  return narrow(value, 5, 10);
}

/** Nearest BF16 bits; NaN becomes the quiet NaN 0x7fc0. */
export function narrowBf16(value: number): number {
  return narrow(value, 8, 7);
}

const scalars = {
  F16: { patterns: 65536, widen: widenF16 },
  F8_E4M3: { patterns: 256, widen: widenF8E4M3 },
  F8_E5M2: { patterns: 256, widen: widenF8E5M2 },
  F8_E8M0: { patterns: 256, widen: widenF8E8M0 },
  F8_E4M3FNUZ: { patterns: 256, widen: widenF8E4M3Fnuz },
  F8_E5M2FNUZ: { patterns: 256, widen: widenF8E5M2Fnuz },
} as const;
type TableFormat = keyof typeof scalars;

const tables = new Map<TableFormat, Float32Array>();

/** f32 value of every pattern; the 256 KiB of F16 stay in the second-level cache. */
function tableOf(format: TableFormat): Float32Array {
  let table = tables.get(format);
  if (!table) {
    const { patterns, widen } = scalars[format];
    table = Float32Array.from({ length: patterns }, (_, bits) => widen(bits));
    tables.set(format, table);
  }
  return table;
}

const bytesPerElement = { F64: 8, F32: 4, F16: 2, BF16: 2 } as const;

/**
 * Widens little-endian elements into f32; F64 alone is rounded, to nearest even.
 *
 * @param source one element per element of `target`; copied first if it is not aligned to its element size
 * @throws RangeError if the lengths do not fit
 */
export function widenInto(format: FloatFormat, source: Uint8Array, target: Float32Array): void {
  const elementBytes = format in bytesPerElement ? bytesPerElement[format as keyof typeof bytesPerElement] : 1;
  if (source.byteLength !== target.length * elementBytes) {
    throw new RangeError(`${source.byteLength} bytes of ${format} do not make ${target.length} elements`);
  }
  const { buffer, byteOffset } = source.byteOffset % elementBytes === 0 ? source : source.slice();
  const count = target.length;
  switch (format) {
    case 'F64':
      target.set(new Float64Array(buffer, byteOffset, count));
      return;
    case 'F32':
      target.set(new Float32Array(buffer, byteOffset, count));
      return;
    case 'BF16': {
      const patterns = new Uint16Array(buffer, byteOffset, count);
      const words = new Uint32Array(target.buffer, target.byteOffset, count);
      for (let i = 0; i < count; i++) words[i] = patterns[i] << 16;
      return;
    }
    case 'F16':
      widenByTable(tableOf(format), new Uint16Array(buffer, byteOffset, count), target);
      return;
    case 'F8_E4M3':
    case 'F8_E5M2':
    case 'F8_E8M0':
    case 'F8_E4M3FNUZ':
    case 'F8_E5M2FNUZ':
      widenByTable(tableOf(format), new Uint8Array(buffer, byteOffset, count), target);
  }
}

function widenByTable(table: Float32Array, patterns: Uint16Array | Uint8Array, target: Float32Array): void {
  for (let i = 0; i < patterns.length; i++) target[i] = table[patterns[i]];
}
