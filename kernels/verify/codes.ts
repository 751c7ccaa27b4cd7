import { codesOffAlignment } from './off-alignment.ts';
import type { Random } from './random.ts';
import type { Content } from './verify-case.ts';

/** Codes of a row come from `lowest` to `highest`; `random` ones of `bits` bits, the lowest pattern included. */
export interface CodeRange {
  bits: 8 | 4;
  lowest: number;
  highest: number;
}

/** What raw products take; weights hold the same, since a file may. */
export const codeRanges: Readonly<Record<8 | 4, CodeRange>> = {
  8: { bits: 8, lowest: -128, highest: 127 },
  4: { bits: 4, lowest: -8, highest: 7 },
};

type FillRow = (row: Int8Array, random: Random, range: CodeRange) => void;

const anything: FillRow = (row, random, { bits }) => {
  random.fillCodes(row, bits);
};

const oneSign: FillRow = (row, random, { lowest, highest }) => {
  row.fill(random.pick([lowest, highest]));
};

const bothSigns: FillRow = (row, random, { lowest, highest }) => {
  random.fillCodes(row, 8);
  for (let k = 0; k < row.length; k++) row[k] = row[k] < 0 ? lowest : highest;
};

const edges: readonly FillRow[] = [
  anything,
  (row) => row.fill(0),
  (row, _, { lowest }) => row.fill(lowest),
  bothSigns,
  (row, _, { highest }) => row.fill(highest),
];

/** Codes `[rows, columns]`, at an odd address. */
export function makeCodes(
  content: Content,
  rows: number,
  columns: number,
  range: CodeRange,
  random: Random,
): Int8Array {
  const codes = codesOffAlignment(rows * columns);
  if (content === 'random') random.fillCodes(codes, range.bits);
  else {
    const first = random.below(edges.length);
    for (let row = 0; row < rows; row++) {
      const fill = content === 'extreme' ? oneSign : edges[(first + row) % edges.length];
      fill(codes.subarray(row * columns, (row + 1) * columns), random, range);
    }
  }
  return codes;
}
