import { isNormalF32 } from '../../kernels/reference/rounding.ts';

/** What the codes of a width can be, and what the absmax is divided by: docs/numerics.md section 2. */
export interface CodeRange {
  /** The scale is absmax / divisor. For int4 it lies half a step beyond the largest code, so that -8 is used too. */
  readonly divisor: number;
  readonly lowest: number;
  readonly highest: number;
}

export const codeRanges: Readonly<Record<8 | 4, CodeRange>> = {
  8: { divisor: 127, lowest: -127, highest: 127 },
  4: { divisor: 7.5, lowest: -8, highest: 7 },
};

/** f32 scale of a group, or 0 if that is not a normal f32: then 1 is stored as its scale, and its codes are all 0. */
export function groupScale(absmax: number, range: CodeRange): number {
  const scale = Math.fround(absmax / range.divisor);
  return isNormalF32(scale) ? scale : 0;
}
