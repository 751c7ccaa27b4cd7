/** The library of cider for programs: docs/library.md. */

export { isAvailable, openBackend, type BackendOptions } from './library/backend.ts';
export { loadDecoder } from './library/load-decoder.ts';
export {
  quantizeWeight,
  type FloatWeight,
  type QuantizedWeight,
  type QuantizeOptions,
} from './library/quantize-weight.ts';
export { W4A8Linear, W8A8Linear } from './library/quantized-linear.ts';

export type * from './kernels/backend.ts';
export type { DecoderModel } from './eval/model/model.ts';
export type { DecoderSequence } from './eval/model/sequence.ts';
export { packCodes, packedWords, unpackCodes } from './quant/checkpoint/packing.ts';
export {
  BackendUnavailableError,
  CiderError,
  InputError,
  NotFoundError,
  ResourceError,
  UsageError,
} from './quant/errors.ts';
export { quantizeAffine, type AffineRows } from './quant/schemes/quantize-affine.ts';
export { NonFiniteWeightError, type Clip, type FloatRows, type GroupSize } from './quant/schemes/scheme.ts';
