import type { IntegerWeight } from '../backend.ts';
import { groupCount } from '../reference/product.ts';
import { codeRanges, makeCodes } from './codes.ts';
import { floatsOffAlignment } from './off-alignment.ts';
import type { Random } from './random.ts';
import type { Content, Operation } from './verify-case.ts';

/** Magnitudes of scales among which `edges` chooses: those that make outputs subnormal, zero or infinite, too. */
const EDGE_SCALES = [0.01, 1, 2 ** -126, 2 ** -140, 3e38] as const;
const ORDINARY_SCALE = 0.01;

/** The weight of a layer, made of codes and scales rather than quantized, so that it may hold any of them. */
export function makeLayerWeight(
  operation: Extract<Operation, { kind: 'layer' }>,
  content: Content,
  outFeatures: number,
  inFeatures: number,
  random: Random,
): IntegerWeight {
  const { bits, groupSize } = operation;
  const codes = makeCodes(content, outFeatures, inFeatures, codeRanges[bits], random);
  const scales = floatsOffAlignment(outFeatures * groupCount(inFeatures, groupSize));
  for (let i = 0; i < scales.length; i++) {
    const magnitude = content === 'edges' ? random.pick(EDGE_SCALES) : ORDINARY_SCALE;
    scales[i] = magnitude * (0.5 + 0.5 * random.uniform());
  }
  const weight = { kind: 'integer', bits, groupSize, outFeatures, inFeatures, codes, scales } as const;
  if (!operation.bias) return weight;
  const bias = floatsOffAlignment(outFeatures);
  random.fillFloats(bias, 1);
  return { ...weight, bias };
}
