import { UsageError } from '../../errors.ts';
import { weightBits } from '../../checkpoint/compressed-tensors.ts';
import { mlxTensors, withMlxQuantization } from '../../checkpoint/mlx/output.ts';
import { modeRules } from '../../checkpoint/mlx/scheme.ts';
import { narrowFloats } from '../../checkpoint/narrow-floats.ts';
import { packUnsigned } from '../../checkpoint/packing.ts';
import { symmetricBiases, unsignedCodes } from '../../schemes/symmetric-as-affine.ts';
import type { OutputFormat } from './output-format.ts';
import { roundScales } from './rounded-scales.ts';

const { groupSizes } = modeRules.affine;

/**
 * Mode affine of MLX: `w = scale · code + bias`, unsigned codes, scales and biases in the dtype that the weight had, as
 * mlx-lm writes them: scales in F32 beside a model in BF16 would make everything after the first layer F32. Codes that a
 * method found symmetric have the bias -2^(b-1) · scale, of the scale as it is stored, so that 0 stays 0.
 */
export const mlxFormat: OutputFormat = {
  name: 'mlx',
  metadata: new Map([['format', 'mlx']]),
  checkRequest({ mode, groupSize, onIndivisible }) {
    if (mode === 'w8a8' || mode === 'w4a8') {
      throw new UsageError(`--mode ${mode}: MLX multiplies integer weights by float activations only`, {
        code: 'E_MLX_MODE',
        hint: `give --mode ${mode.replace('a8', 'a16')}, or leave --format mlx away`,
        details: { mode },
      });
    }
    if (!groupSizes.some((known) => known === groupSize)) {
      throw new UsageError(`--gs ${groupSize}: MLX has groups of ${groupSizes.join(', ')}`, {
        code: 'E_MLX_GROUP_SIZE',
        details: { value: groupSize, known: groupSizes.map(String) },
      });
    }
    if (onIndivisible === 'channel') {
      throw new UsageError('--on-indivisible channel: MLX has no scales of whole rows', {
        code: 'E_MLX_GROUP_SIZE',
        hint: '--on-indivisible float keeps such layers as they are, as mlx-lm does',
      });
    }
  },
  canQuantize: ({ role }) => role === 'linear' || role === 'head' || role === 'embedding',
  indivisibleHint: '--on-indivisible float keeps such layers as they are, as mlx-lm does',
  absentModules: () => [],
  scaleDtype: (weight) => weight,
  // MLX's own rule knows no clipping.
  rule: ({ clip }) => (clip.kind === 'minmax' ? 'affine' : 'symmetric'),
  tensors: (module, shape, { mode, groupSize, scaleDtype }) =>
    mlxTensors(module, shape, weightBits(mode), groupSize, scaleDtype),
  settle(codes, bits, scaleDtype) {
    const scales = roundScales(codes.scales, scaleDtype);
    if (codes.kind === 'affine') return { ...codes, scales, biases: roundScales(codes.biases, scaleDtype) };
    return { kind: 'affine', codes: unsignedCodes(codes.codes, bits), scales, biases: symmetricBiases(scales, bits) };
  },
  encode(codes, { module, rows, columns, mode, scaleDtype }) {
    if (codes.kind !== 'affine' || codes.codes.length !== rows * columns) throw new RangeError('expected affine codes');
    return [
      packUnsigned(codes.codes, weightBits(mode)),
      narrowFloats(codes.scales, scaleDtype, `${module}.scales`),
      narrowFloats(codes.biases, scaleDtype, `${module}.biases`),
    ];
  },
  withQuantization: withMlxQuantization,
};
