import { HEAD_MODULE } from '../../checkpoint/architecture.ts';
import {
  quantizedTensors,
  storageFormat,
  weightBits,
  withQuantizationConfig,
} from '../../checkpoint/compressed-tensors.ts';
import { narrowFloats } from '../../checkpoint/narrow-floats.ts';
import { packCodes } from '../../checkpoint/packing.ts';
import { affineAsSymmetric } from '../../schemes/symmetric-as-affine.ts';
import { UsageError } from '../../errors.ts';
import type { OutputFormat } from './output-format.ts';
import { roundScales } from './rounded-scales.ts';

/** Symmetric codes, in bytes where activations are quantized, too, else packed; scales in F32. */
export const compressedTensorsFormat: OutputFormat = {
  name: 'compressed-tensors',
  // What transformers wants to see before it reads a file.
  metadata: new Map([['format', 'pt']]),
  checkRequest({ quantizeEmbeddings }) {
    if (!quantizeEmbeddings) return;
    throw new UsageError('--quantize-embeddings: embeddings are float in compressed-tensors, whose loaders expect it', {
      code: 'E_QUANTIZED_EMBEDDINGS',
      hint: 'give --format mlx, or leave the option away',
    });
  },
  canQuantize: ({ role }) => role === 'linear' || role === 'head',
  indivisibleHint: '--on-indivisible channel gives such layers one scale a row',
  absentModules: ({ tieWordEmbeddings }) => (tieWordEmbeddings ? [HEAD_MODULE] : []),
  scaleDtype: () => 'F32',
  rule: () => 'symmetric',
  tensors: (module, shape, { mode, groupSize, scaleDtype }) =>
    quantizedTensors(module, shape, mode, groupSize).map((tensor) =>
      tensor.dtype === 'F32' ? { ...tensor, dtype: scaleDtype } : tensor,
    ),
  settle(codes, bits, scaleDtype) {
    const symmetric = codes.kind === 'symmetric' ? codes : affineAsSymmetric(codes, bits);
    if (!symmetric) throw new RangeError('codes with biases of their own have no symmetric form');
    return { ...symmetric, scales: roundScales(symmetric.scales, scaleDtype) };
  },
  encode(codes, { module, rows, columns, mode, scaleDtype }) {
    if (codes.kind !== 'symmetric') throw new RangeError('expected symmetric codes');
    const isPacked = storageFormat(mode) === 'pack-quantized';
    return [
      isPacked ? packCodes(codes.codes, rows, columns, weightBits(mode)) : codes.codes,
      narrowFloats(codes.scales, scaleDtype, `${module}.weight_scale`),
    ];
  },
  withQuantization: (configText, _, model) => withQuantizationConfig(configText, model),
};
