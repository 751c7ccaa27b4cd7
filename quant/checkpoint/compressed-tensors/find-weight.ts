import { InputError } from '../../errors.ts';
import { groupsPerRow } from '../../schemes/scheme.ts';
import type { ModelTensor } from '../architecture.ts';
import type { TensorEntry } from '../checkpoint.ts';
import { quoted } from '../quoted.ts';
import { wordsOf, type WordLayout } from './bit-stream.ts';
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

const floatDtypes = ['F32', 'F16', 'BF16'];

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
  const find = (part: (typeof weightParts)[number]): TensorEntry => {
    const entry = tensors.get(`${module}.${part}`);
    if (entry) return entry;
    throw missing(`${module}.${part}`, scheme);
  };
  const codes = find(isPacked ? 'weight_packed' : 'weight');
  if (groupSize !== 0 && columns % groupSize !== 0) {
    throw refusal(
      codes,
      'E_GROUP_SIZE',
      `stands for ${columns} columns, not a multiple of the group size ${groupSize}`,
    );
  }
  const unused = tensors.get(`${module}.${isPacked ? 'weight' : 'weight_packed'}`);
  if (unused) throw refusal(unused, 'E_TENSOR_UNEXPECTED', `stands beside ${quoted(codes.name)}`);

  const layout = isPacked ? layoutOf(codes, columns, scheme) : 'dense';
  if (isPacked) expect(codes, ['I32'], [rows, wordsOf(layout, columns, bits)], scheme);
  else expect(codes, ['I8'], [rows, columns], scheme);

  const groups = groupsPerRow(columns, groupSize);
  const scaleShape = strategy === 'tensor' ? [1] : [rows, groups];
  const scales = find('weight_scale');
  expect(scales, floatDtypes, scaleShape, scheme);

  const zeroPoints = isSymmetric ? tensors.get(`${module}.weight_zero_point`) : find('weight_zero_point');
  if (zeroPoints) {
    // Releases up to 0.8 did not pack zero points; later ones do not pack the one of a whole tensor.
    const isPackedToo = isPacked && !isSymmetric && strategy !== 'tensor' && zeroPoints.dtype !== 'I8';
    const zeroShape = isPackedToo ? [wordsOf(layout, rows, bits), groups] : scaleShape;
    expect(zeroPoints, [isPackedToo ? 'I32' : 'I8'], zeroShape, scheme);
  }

  const stored = isPacked ? find('weight_shape') : undefined;
  if (stored) expect(stored, ['I64'], [2], scheme);
  return { scheme, codes, layout, scales, zeroPoints, shape: stored, columnGroups: findColumnGroups() };

  function findColumnGroups(): TensorEntry | undefined {
    const found = scheme.hasColumnGroups ? find('weight_g_idx') : tensors.get(`${module}.weight_g_idx`);
    if (!found) return undefined;
    if (!scheme.hasColumnGroups) {
      throw refusal(found, 'E_TENSOR_UNEXPECTED', 'has a use with actorder group only, which config.json does not say');
    }
    expect(found, ['I32'], [columns], scheme);
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
  throw refusal(
    codes,
    'E_TENSOR_SHAPE',
    `has ${dense} words for rows of ${columns} codes of ${bits} bits, as both known layouts of compressed-tensors would`,
  );
}

function missing(name: string, scheme: WeightScheme): InputError {
  return new InputError(`tensor ${quoted(name)} is missing from the checkpoint (${describe(scheme)})`, {
    code: 'E_TENSOR_MISSING',
    hint: 'the quantization_config in config.json may belong to another checkpoint',
    details: { tensor: name },
  });
}

function expect(entry: TensorEntry, dtypes: readonly string[], shape: readonly number[], scheme: WeightScheme): void {
  if (!dtypes.includes(entry.dtype)) {
    const what = `has the dtype ${entry.dtype}, expected ${dtypes.join(', ')} (${describe(scheme)})`;
    throw refusal(entry, 'E_TENSOR_DTYPE', what);
  }
  if (entry.shape.length === shape.length && entry.shape.every((length, axis) => length === shape[axis])) return;
  const shapes = `has the shape [${entry.shape.join(', ')}], expected [${shape.join(', ')}]`;
  throw refusal(entry, 'E_TENSOR_SHAPE', `${shapes} (${describe(scheme)})`);
}

const describe = (scheme: WeightScheme): string =>
  `${scheme.isPacked ? 'packed ' : ''}int${scheme.bits}, ${describeGrid(scheme)}`;

export function refusal(entry: TensorEntry, code: string, what: string): InputError {
  return new InputError(`${entry.file}: tensor ${quoted(entry.name)} ${what}`, {
    code,
    details: { file: entry.file, tensor: entry.name },
  });
}
