/** The smallest positive normal f32, 2^-126. */
export const SMALLEST_NORMAL_F32: number = 2 ** -126;

/** 1.5 · 2^52: float64 numbers of this size are whole, so that adding it leaves no room for a fraction. */
const WHOLE = 1.5 * 2 ** 52;

/** Up to here the sum with `WHOLE` stays in the binade of `WHOLE`. */
const LARGEST_ROUNDED = 2 ** 51;

/**
 * The nearest whole number, ties to even. For every f32, and every float64 of magnitude up to 2^51; larger f32 values
 * are whole already and come back as they are, like NaN and the infinities. (`Math.round` would round ties up.)
 *
 * The sum is rounded by float64, in which an f32 plus `WHOLE` loses nothing but the fraction: the familiar constant
 * 12582912 = 1.5 · 2^23 of f32 arithmetic would serve only up to 2^22.
 */
export function rint(value: number): number {
  return Math.abs(value) <= LARGEST_ROUNDED ? value + WHOLE - WHOLE : value;
}

/**
 * `clamp(rint(value), lowest, highest)` for any value but NaN and bounds of magnitude up to 2^51: clamping the sum makes
 * the range check of `rint` superfluous, which a hot loop notices.
 */
export function rintClamped(value: number, lowest: number, highest: number): number {
  const sum = value + WHOLE;
  return (sum < lowest + WHOLE ? lowest + WHOLE : sum > highest + WHOLE ? highest + WHOLE : sum) - WHOLE;
}

/** Whether an f32 is neither zero, subnormal, infinite nor NaN: only such numbers serve as a scale. */
export function isNormalF32(value: number): boolean {
  const magnitude = Math.abs(value);
  return magnitude >= SMALLEST_NORMAL_F32 && magnitude < Infinity;
}
