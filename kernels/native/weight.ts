import type { StoredFloats, Weight, WeightSource } from '../backend.ts';
import { check } from '../reference/check.ts';
import { checkWeightSource, storedBytes } from '../reference/weight-source.ts';
import type { NativeDevice } from './device.ts';
import type { NativeHandle } from './handle.ts';
import { bytesOf, floatFormats, noBytes, weightKinds, type WeightParams } from './weight-params.ts';

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
  if (source.kind !== 'dense') return load({});
  const { data } = source;
  return ArrayBuffer.isView(data) ? load({ data: bytesOf(data) }) : loadStored(device, data, load);
}

function loadStored(
  device: NativeDevice,
  { path, offset, bytes }: StoredFloats,
  load: (params: Pick<WeightParams, 'data'>) => NativeWeight,
): NativeWeight {
  return device.withFile(path, (file) => load({ data: { memory: null, file, offset, bytes } }));
}

/** All but the data of dense weights. */
function paramsOf(source: WeightSource): WeightParams {
  const isDense = source.kind === 'dense';
  return {
    kind: weightKinds[source.kind],
    dtype: floatFormats[isDense ? source.dtype : 'F32'],
    bits: isDense ? 0 : source.bits,
    out_features: source.outFeatures,
    in_features: source.inFeatures,
    group_size: isDense ? 0 : source.groupSize,
    data: isDense ? noBytes : bytesOf(source.codes),
    scales: isDense ? noBytes : bytesOf(source.scales),
    biases: source.kind === 'affine' ? bytesOf(source.biases) : noBytes,
    bias: bytesOf(source.bias),
  };
}

export function weightOf(operation: string, handle: Weight): NativeWeight {
  check(handle instanceof NativeWeight, operation, 'the weight is not of this backend');
  return handle;
}
