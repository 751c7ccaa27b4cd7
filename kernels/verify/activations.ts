import { floatsOffAlignment } from './off-alignment.ts';
import type { Random } from './random.ts';
import type { Content } from './verify-case.ts';

/** Fills one row of activations, `[K]`. */
type FillRow = (row: Float32Array, random: Random) => void;

/** The least absmax whose scale absmax / 127 is a normal f32. */
const LEAST_ABSMAX = 127 * 2 ** -126;
const LARGEST = Math.fround(3.4028234663852886e38);

const ordinary: FillRow = (row, random) => {
  random.fillFloats(row, 2 ** (random.below(17) - 8));
};

const oneSign: FillRow = (row, random) => {
  row.fill(random.pick([1, -1]) * (0.5 + random.uniform()));
};

/** An ordinary row but for one value. */
const withOne =
  (values: readonly number[]): FillRow =>
  (row, random) => {
    ordinary(row, random);
    row[random.below(row.length)] = random.pick(values);
  };

/** absmax is exactly 127 so that the quantizer multiplies by 1, and the other values lie half-way between codes. */
const ties: FillRow = (row, random) => {
  for (let k = 0; k < row.length; k++) row[k] = random.below(254) - 126.5;
  row[random.below(row.length)] = 127;
};

const withLimit =
  (limit: number): FillRow =>
  (row, random) => {
    random.fillFloats(row, limit);
    row[random.below(row.length)] = limit;
  };

const edges: readonly FillRow[] = [
  ordinary,
  (row) => row.fill(0),
  oneSign,
  withOne([NaN]),
  ties,
  withOne([Infinity, -Infinity]),
  withLimit(LEAST_ABSMAX),
  withLimit(Math.fround(LEAST_ABSMAX * (1 - 2 ** -24))),
  withLimit(2 ** -130),
  (row) => row.fill(-0),
  withLimit(LARGEST),
  withOne([1e6, -1e6]),
];

/** Activations f32 `[rows, columns]`, not aligned to more than an element. */
export function makeActivations(content: Content, rows: number, columns: number, random: Random): Float32Array {
  const values = floatsOffAlignment(rows * columns);
  const first = random.below(edges.length);
  for (let m = 0; m < rows; m++) {
    const row = values.subarray(m * columns, (m + 1) * columns);
    const fill = { random: ordinary, extreme: oneSign, edges: edges[(first + m) % edges.length] }[content];
    fill(row, random);
  }
  return values;
}
