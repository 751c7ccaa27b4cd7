import { Random } from './random.ts';
import { isQuantizer, type Content, type Operation, type VerifyCase } from './verify-case.ts';

type Shape = readonly [m: number, n: number, k: number];

const raw: Operation = { kind: 'matmul-int8' };
const quantizer: Operation = { kind: 'quantize' };
const layer = (bits: 8 | 4, groupSize: number, bias: boolean): Operation => ({ kind: 'layer', bits, groupSize, bias });

/** The shapes with which the original cider tests its raw integer product. */
const originalShapes: readonly Shape[] = [
  [1, 2, 2],
  [2, 2, 4],
  [1, 128, 128],
  [1, 4096, 4096],
  [4, 2048, 2048],
  [16, 4096, 4096],
  [32, 4096, 4096],
  [64, 4096, 4096],
  [128, 4096, 4096],
  [16, 8192, 4096],
  [16, 4096, 8192],
  [64, 4096, 2048],
  [7, 1025, 513],
  [33, 4095, 4097],
];

/** Rows of whole layers in these shapes: the reference would take a minute for all of them. */
const MOST_LAYER_ROWS = 33;

/** Each of the original's shapes, for the raw product as there, and with fewer rows for whole layers. */
export function originalCases(): VerifyCase[] {
  const layers = [layer(8, 0, false), layer(8, 128, true), layer(4, 0, true), layer(4, 128, false)];
  return originalShapes.flatMap(([m, n, k], seed) => [
    { operation: raw, m, n, k, content: 'random', seed },
    ...layers.map((operation): VerifyCase => {
      return { operation, m: Math.min(m, MOST_LAYER_ROWS), n, k, content: 'random', seed };
    }),
  ]);
}

/** The list at the end of docs/numerics.md. */
const edgeFeatures = [1, 2, 7, 33, 127, 129, 513, 576, 896, 1025, 4097] as const;
const edgeRows = [1, 2, 7, 31, 32, 33, 64, 65, 128, 129] as const;

/** Lengths just below, at and above where the sum of extreme codes passes 2^24, and the longest that int32 holds. */
const extremeDepths = [1040, 1041, 65_535, 131_071] as const;

/**
 * Every pair of the list's N and K, of its M and K, and of its M and N, in each operation, with contents and group sizes
 * in turn; then extreme sums of great length.
 */
export function edgeCases(): VerifyCase[] {
  return [...pairwiseCases(), ...quantizerCases(), ...weightCases(), ...extremeCases()];
}

function pairwiseCases(): VerifyCase[] {
  const contents: readonly Content[] = ['edges', 'random', 'extreme'];
  const groupSizes = [32, 64, 128, 256] as const;
  return edgeFeatures.flatMap((n, i) =>
    edgeFeatures.flatMap((k, j) => {
      const m = edgeRows[(i + j) % edgeRows.length];
      const at = edgeFeatures.length * i + j;
      const content = contents[at % contents.length];
      const groupSize = groupSizes[at % groupSizes.length];
      const operations = [
        raw,
        layer(8, 0, true),
        layer(8, groupSize, false),
        layer(4, 0, false),
        layer(4, groupSize, true),
      ];
      return operations.map((operation): VerifyCase => ({ operation, m, n, k, content, seed: at }));
    }),
  );
}

function quantizerCases(): VerifyCase[] {
  return edgeFeatures.flatMap((k, seed) =>
    edgeRows.map((m): VerifyCase => ({ operation: quantizer, m, n: 1, k, content: 'edges', seed })),
  );
}

/** The quantizer of weights: every M and K of the list, with formats, bits, group sizes and contents in turn. */
function weightCases(): VerifyCase[] {
  const contents: readonly Content[] = ['edges', 'edges', 'random', 'extreme'];
  return edgeFeatures.flatMap((k, i) =>
    edgeRows.map((m, j): VerifyCase => {
      const at = edgeRows.length * i + j;
      return {
        operation: weightOperation((list) => list[at % list.length]),
        m,
        n: 1,
        k,
        content: contents[(i + j) % contents.length],
        seed: at,
      };
    }),
  );
}

const weightOperation = (pick: <T>(list: readonly T[]) => T): Operation => ({
  kind: 'quantize-weight',
  dtype: pick(['BF16', 'F16', 'F32'] as const),
  bits: pick([8, 4] as const),
  groupSize: pick([0, 32, 64, 128, 256] as const),
});

function extremeCases(): VerifyCase[] {
  const operations = [raw, layer(8, 0, false), layer(8, 256, false), layer(4, 0, false), quantizer];
  return extremeDepths.flatMap((k, seed) =>
    operations.map((operation): VerifyCase => {
      return { operation, m: 5, n: operation === quantizer ? 1 : 7, k, content: 'extreme', seed };
    }),
  );
}

/** Bounds of random shapes; the product of all three is bounded as well, for the sake of the reference. */
const MOST_ROWS = 200;
const MOST_FEATURES = 3000;
const MOST_PRODUCTS = 2 ** 27;

/** `count` cases of any operation, shape and content. The first n of them do not depend on `count`. */
export function randomCases(seed: number, count: number): VerifyCase[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => randomCase(random));
}

function randomCase(random: Random): VerifyCase {
  const integerLayer = layer(random.pick([8, 4]), random.pick([0, 32, 64, 128, 256]), random.pick([true, false]));
  const weight = weightOperation((list) => random.pick(list));
  const operation = random.pick([raw, quantizer, weight, integerLayer, integerLayer, integerLayer]);
  const n = isQuantizer(operation) ? 1 : random.size(1, MOST_FEATURES);
  const k = random.size(1, MOST_FEATURES);
  const m = random.size(1, Math.min(MOST_ROWS, Math.ceil(MOST_PRODUCTS / (n * k))));
  return { operation, m, n, k, content: random.pick(['random', 'edges', 'extreme']), seed: random.below(1e6) };
}
