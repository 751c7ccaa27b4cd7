import { check, checkSize } from '../check.ts';
import { MAX_INTEGER_DEPTH } from '../reference/matmul-int8.ts';
import type { WeightToQuantize } from './weight-quantizer.ts';

/**
 * What is compared: the raw integer product, the quantizer of activations alone, that of weights, or a whole layer from
 * float input to float output.
 */
export type Operation =
  | { kind: 'matmul-int8' }
  | { kind: 'quantize' }
  | ({ kind: 'quantize-weight' } & Pick<WeightToQuantize, 'dtype' | 'bits' | 'groupSize'>)
  | { kind: 'layer'; bits: 8 | 4; groupSize: number; bias: boolean };

/**
 * What the operands hold. `random`: ordinary values. `extreme`: rows of the largest codes with one sign, so that sums
 * grow as large as they can. `edges`: rows of every kind that docs/numerics.md names, in turn.
 */
export type Content = 'random' | 'extreme' | 'edges';

/** One comparison; everything in it follows from these fields, so that its name is enough to repeat it. */
export interface VerifyCase {
  operation: Operation;
  m: number;
  /** Not used by the quantizers, where it is 1. */
  n: number;
  k: number;
  content: Content;
  seed: number;
}

const contents: readonly Content[] = ['random', 'extreme', 'edges'];

/** Of names that a user types: some GB of operands. */
const MAX_ELEMENTS = 2 ** 30;

/** `w8a8-g128+bias:33x1025x513:edges:7`: operation, M x N x K (M x K for quantizers), content, seed. */
export function caseName({ operation, m, n, k, content, seed }: VerifyCase): string {
  const sizes = isQuantizer(operation) ? [m, k] : [m, n, k];
  return [operationName(operation), sizes.join('x'), content, seed].join(':');
}

/** Whether the operands are one matrix `[M, K]`. */
export function isQuantizer({ kind }: Operation): boolean {
  return kind === 'quantize' || kind === 'quantize-weight';
}

/** The name of an operation, `w4a8-g32+bias` or `bf16-int8-g64` for instance. */
export function operationName(operation: Operation): string {
  if (operation.kind === 'matmul-int8' || operation.kind === 'quantize') return operation.kind;
  const { bits, groupSize } = operation;
  const group = groupSize === 0 ? '' : `-g${groupSize}`;
  if (operation.kind === 'quantize-weight') return `${operation.dtype.toLowerCase()}-int${bits}${group}`;
  return `w${bits}a8${group}${operation.bias ? '+bias' : ''}`;
}

/** The case of a name. @throws RangeError if it names none */
export function parseCase(name: string): VerifyCase {
  const [operationText, sizes, contentText, seedText, ...rest] = name.split(':');
  const operation = parseOperation(operationText);
  const content = contents.find((known) => known === contentText);
  const counts = /^\d+(x\d+){1,2}$/.test(sizes) ? sizes.split('x').map(Number) : [];
  const ranks = operation && isQuantizer(operation) ? 2 : 3;
  check(
    operation !== undefined &&
      content !== undefined &&
      counts.length === ranks &&
      /^\d{1,9}$/.test(seedText) &&
      rest.length === 0,
    'case',
    `${JSON.stringify(name)} is none; one is w8a8-g128+bias:33x1025x513:edges:7 (operation:MxNxK:content:seed)`,
  );
  const [m, k] = [counts[0], counts[ranks - 1]];
  const n = ranks === 3 ? counts[1] : 1;
  for (const [axis, size] of [
    ['M', m],
    ['N', n],
    ['K', k],
  ] as const)
    checkSize('case', axis, size);
  check(k <= MAX_INTEGER_DEPTH, 'case', `K = ${k} may overflow int32; at most ${MAX_INTEGER_DEPTH}`);
  check(Math.max(m * k, n * k, m * n) <= MAX_ELEMENTS, 'case', `${sizes} has more than ${MAX_ELEMENTS} elements`);
  return { operation, m, n, k, content, seed: Number(seedText) };
}

function parseOperation(text: string): Operation | undefined {
  if (text === 'matmul-int8' || text === 'quantize') return { kind: text };
  const weight = /^(f32|f16|bf16)-int([84])(?:-g(32|64|128|256))?$/.exec(text);
  if (weight) {
    const [, dtype, bits, groupSize = '0'] = weight;
    return {
      kind: 'quantize-weight',
      dtype: dtype.toUpperCase() as WeightToQuantize['dtype'],
      bits: bits === '8' ? 8 : 4,
      groupSize: Number(groupSize) as WeightToQuantize['groupSize'],
    };
  }
  const match = /^w([84])a8(?:-g(\d{1,6}))?(?:\+bias)?$/.exec(text);
  if (!match) return undefined;
  const [, bits, groupSize = '0'] = match;
  return { kind: 'layer', bits: bits === '8' ? 8 : 4, groupSize: Number(groupSize), bias: text.endsWith('+bias') };
}
