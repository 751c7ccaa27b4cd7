import type { Stored, Weight, WeightSource } from '../backend.ts';
import { check } from '../check.ts';
import { checkWeightSource, storedBytes } from '../reference/weight-source.ts';
import type { NativeDevice } from './device.ts';
import type { NativeHandle } from './handle.ts';
import {
  bytesOf,
  codeStorages,
  floatFormats,
  noBytes,
  weightKinds,
  type BytesParams,
  type WeightParams,
} from './weight-params.ts';

/** A weight in the layout of the library's kernels. */
export class NativeWeight implements Weight {
  readonly outFeatures: number;
  readonly inFeatures: number;
  readonly bytes: number;
  readonly kind: WeightSource['kind'];
  readonly handle: NativeHandle<'weight'>;

  constructor(source: WeightSource, handle: NativeHandle<'weight'>) {
    this.outFeatures = source.outFeatures;
    this.inFeatures = source.inFeatures;
    this.bytes = storedBytes(source);
    this.kind = source.kind;
    this.handle = handle;
  }
}

/** Packs a weight; nothing of the source is needed afterwards. */
export function createWeight(device: NativeDevice, source: WeightSource): NativeWeight {
  checkWeightSource(source);
  const load = (params: Partial<WeightParams>): NativeWeight =>
    new NativeWeight(source, device.createWeight({ ...paramsOf(source), ...params }));
  const elements = source.kind === 'dense' ? source.data : source.codes;
  if (ArrayBuffer.isView(elements)) return load({ data: bytesOf(elements) });
  const storage = codeStorages['storage' in elements ? elements.storage : 'bytes'];
  return loadStored(device, elements, (data) => load({ data, storage }));
}

/**
 * Packs what is in a file, which is mapped meanwhile. A file that was changed before is refused, and so is what was made
 * of one that changed meanwhile; but should it become shorter in that moment, the system ends the process.
 */
function loadStored(
  device: NativeDevice,
  { path, offset, bytes, checkUnchanged }: Stored<unknown>,
  load: (data: BytesParams) => NativeWeight,
): NativeWeight {
  checkUnchanged();
  const weight = device.withFile(path, (file) => load({ memory: null, file, offset, bytes }));
  try {
    checkUnchanged();
    return weight;
  } catch (error) {
    device.release(weight.handle);
    throw error;
  }
}

/** All but the floats or codes themselves. */
function paramsOf(source: WeightSource): WeightParams {
  const isDense = source.kind === 'dense';
  return {
    kind: weightKinds[source.kind],
    dtype: floatFormats[isDense ? source.dtype : 'F32'],
    bits: isDense ? 0 : source.bits,
    out_features: source.outFeatures,
    in_features: source.inFeatures,
    group_size: isDense ? 0 : source.groupSize,
    data: noBytes,
    scales: isDense ? noBytes : bytesOf(source.scales),
    biases: source.kind === 'affine' ? bytesOf(source.biases) : noBytes,
    bias: bytesOf(source.bias),
    storage: codeStorages.bytes,
  };
}

export function weightOf(operation: string, handle: Weight): NativeWeight {
  check(handle instanceof NativeWeight, operation, 'the weight is not of this backend');
  return handle;
}
