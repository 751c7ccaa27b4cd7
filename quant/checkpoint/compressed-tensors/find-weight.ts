import { groupsPerRow } from '../../schemes/scheme.ts';
import type { ModelTensor } from '../architecture.ts';
import { wordsOf, type WordLayout } from '../bit-stream.ts';
import type { TensorEntry } from '../checkpoint.ts';
import { expectTensor, expectWholeGroups, requireTensor, tensorRefusal } from '../expect-tensor.ts';
import { quoted } from '../quoted.ts';
import { weightDtypes } from '../weight-dtype.ts';
import { describeGrid, type WeightScheme } from './layer-scheme.ts';

/** The tensors that stand for a weight `[N, K]`. */
export interface FoundWeight {
  scheme: WeightScheme;
  /** I8 `[N, K]`, or I32 `[N, words]`. */
  codes: TensorEntry;
  /** Of packed codes, and of packed zero points. */
  layout: WordLayout;
  /** `[N, groups]` floats, or one. */
  scales: TensorEntry;
  /** I8 as the scales, or I32 packed along the rows: `[words, groups]`. */
  zeroPoints: TensorEntry | undefined;
  /** I64 `[2]`: N and K, of packed codes. */
  shape: TensorEntry | undefined;
  /** I32 `[K]`: the group of each column. */
  columnGroups: TensorEntry | undefined;
}

type Tensors = ReadonlyMap<string, TensorEntry>;

/** Names of all that may stand for `module.weight`. */
export const weightParts = [
  'weight',
  'weight_packed',
  'weight_scale',
  'weight_zero_point',
  'weight_shape',
  'weight_g_idx',
] as const;

/**
 * Finds what stands for the weight of a module, and checks names, shapes and dtypes.
 *
 * @throws InputError `E_TENSOR_MISSING`, `E_TENSOR_SHAPE`, `E_TENSOR_DTYPE`, `E_TENSOR_UNEXPECTED`, `E_GROUP_SIZE`
 */
export function findWeight(tensors: Tensors, { module, shape }: ModelTensor, scheme: WeightScheme): FoundWeight {
  const { bits, groupSize, strategy, isPacked, isSymmetric } = scheme;
  const [rows, columns] = shape;
  const from = describe(scheme);
  const find = (part: (typeof weightParts)[number]): TensorEntry => requireTensor(tensors, `${module}.${part}`, from);
  const codes = find(isPacked ? 'weight_packed' : 'weight');
  expectWholeGroups(codes, columns, groupSize);
  const unused = tensors.get(`${module}.${isPacked ? 'weight' : 'weight_packed'}`);
  if (unused) throw tensorRefusal(unused, 'E_TENSOR_UNEXPECTED', `stands beside ${quoted(codes.name)}`);

  const layout = isPacked ? layoutOf(codes, columns, scheme) : 'dense';
  if (isPacked) expectTensor(codes, ['I32'], [rows, wordsOf(layout, columns, bits)], from);
  else expectTensor(codes, ['I8'], [rows, columns], from);

  const groups = groupsPerRow(columns, groupSize);
  const scaleShape = strategy === 'tensor' ? [1] : [rows, groups];
  const scales = find('weight_scale');
  expectTensor(scales, weightDtypes, scaleShape, from);

  const zeroPoints = isSymmetric ? tensors.get(`${module}.weight_zero_point`) : find('weight_zero_point');
  if (zeroPoints) {
    // Releases up to 0.8 did not pack zero points; later ones do not pack the one of a whole tensor.
    const isPackedToo = isPacked && !isSymmetric && strategy !== 'tensor' && zeroPoints.dtype !== 'I8';
    const zeroShape = isPackedToo ? [wordsOf(layout, rows, bits), groups] : scaleShape;
    expectTensor(zeroPoints, [isPackedToo ? 'I32' : 'I8'], zeroShape, from);
  }

  const stored = isPacked ? find('weight_shape') : undefined;
  if (stored) expectTensor(stored, ['I64'], [2], from);
  return { scheme, codes, layout, scales, zeroPoints, shape: stored, columnGroups: findColumnGroups() };

  function findColumnGroups(): TensorEntry | undefined {
    const found = scheme.hasColumnGroups ? find('weight_g_idx') : tensors.get(`${module}.weight_g_idx`);
    if (!found) return undefined;
    if (!scheme.hasColumnGroups) {
      throw tensorRefusal(
        found,
        'E_TENSOR_UNEXPECTED',
        'has a use with actorder group only, which config.json does not say',
      );
    }
    expectTensor(found, ['I32'], [columns], from);
    return found;
  }
}

/** Which layout the number of words fits; where it fits both, they must be the same. */
function layoutOf(codes: TensorEntry, columns: number, scheme: WeightScheme): WordLayout {
  const { bits } = scheme;
  const dense = wordsOf('dense', columns, bits);
  const padded = wordsOf('padded', columns, bits);
  const isOneLayout = 32 % bits === 0 || (dense === 1 && padded === 1);
  if (isOneLayout || codes.shape.at(-1) !== padded) return 'dense';
  if (dense !== padded) return 'padded';
  throw tensorRefusal(
    codes,
    'E_TENSOR_SHAPE',
    `has ${dense} words for rows of ${columns} codes of ${bits} bits, as both known layouts of compressed-tensors would`,
  );
}

const describe = (scheme: WeightScheme): string =>
  `${scheme.isPacked ? 'packed ' : ''}int${scheme.bits}, ${describeGrid(scheme)}`;
