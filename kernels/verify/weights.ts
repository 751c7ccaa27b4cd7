import { narrowBf16, narrowF16 } from '../reference/float-formats.ts';
import { floatsOffAlignment, halvesOffAlignment } from './off-alignment.ts';
import type { Random } from './random.ts';
import type { Content, Operation } from './verify-case.ts';

type WeightOperation = Extract<Operation, { kind: 'quantize-weight' }>;

/** Fills one row of weights, `[K]`. `divisor` is what absmax is divided by to give the scale. */
type FillRow = (row: Float32Array, random: Random, divisor: number) => void;

/** The least normal f32: scales below it count as zero. */
const LEAST_SCALE = 2 ** -126;
/** The largest of both f32 and bf16 is beyond what f16 holds. */
const LARGEST = { F32: 3.4028234663852886e38, BF16: 3.3895313892515355e38, F16: 65504 } as const;

const ordinary: FillRow = (row, random) => {
  random.fillFloats(row, 2 ** (random.below(9) - 8));
};

const oneSign: FillRow = (row, random) => {
  row.fill(random.pick([1, -1]) * (0.5 + random.uniform()));
};

const withLimit =
  (limit: (divisor: number) => number): FillRow =>
  (row, random, divisor) => {
    random.fillFloats(row, limit(divisor));
    row[random.below(row.length)] = limit(divisor);
  };

/** The scale is a power of two, and the other values lie half-way between codes. */
const ties: FillRow = (row, random, divisor) => {
  for (let k = 0; k < row.length; k++) row[k] = random.below(2 * Math.floor(divisor)) - Math.floor(divisor) + 0.5;
  row[random.below(row.length)] = divisor;
};

const edges: readonly FillRow[] = [
  ordinary,
  (row) => row.fill(0),
  oneSign,
  ties,
  withLimit((divisor) => divisor * LEAST_SCALE),
  withLimit((divisor) => Math.fround(divisor * LEAST_SCALE * (1 - 2 ** -23))),
  withLimit(() => 2 ** -140),
  (row) => row.fill(-0),
];

/** Of cases at the edges, how many hold a NaN or an infinity, which must be refused: one in so many. */
const REFUSED_IN = 4;

/** Weights `[rows, columns]` in their format, not aligned to more than an element. */
export function makeWeights(
  { dtype, bits }: WeightOperation,
  content: Content,
  rows: number,
  columns: number,
  random: Random,
): Float32Array | Uint16Array {
  const values = floatsOffAlignment(rows * columns);
  const first = random.below(edges.length);
  for (let row = 0; row < rows; row++) {
    const fill = { random: ordinary, extreme: oneSign, edges: edges[(first + row) % edges.length] }[content];
    fill(values.subarray(row * columns, (row + 1) * columns), random, bits === 8 ? 127 : 7.5);
  }
  if (content === 'extreme') values[random.below(values.length)] = LARGEST[dtype];
  if (content === 'edges' && random.below(REFUSED_IN) === 0) {
    values[random.below(values.length)] = random.pick([NaN, Infinity, -Infinity]);
  }
  if (dtype === 'F32') return values;
  const narrow = dtype === 'F16' ? narrowF16 : narrowBf16;
  const halves = halvesOffAlignment(values.length);
  for (let i = 0; i < halves.length; i++) halves[i] = narrow(values[i]);
  return halves;
}
