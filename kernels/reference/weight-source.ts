import type { StoredCodes, WeightSource } from '../backend.ts';
import { check, checkSize } from '../check.ts';
import { MAX_INTEGER_DEPTH } from './matmul-int8.ts';
import { groupCount } from './product.ts';

const operation = 'loadWeight';

/** What every backend asks of a weight before it takes it. @throws RangeError if arrays and shape do not fit */
export function checkWeightSource(source: WeightSource): void {
  const { outFeatures: n, inFeatures: k, bias } = source;
  checkSize(operation, 'outFeatures', n);
  checkSize(operation, 'inFeatures', k);
  const checkArray = (name: string, array: Elements, type: ElementsType, length: number): void => {
    check(array instanceof type, operation, `${name} came as ${array.constructor.name}, not ${type.name}`);
    checkLength(name, array.length, length);
  };
  const checkLength = (name: string, length: number, expected: number): void => {
    check(
      length === expected,
      operation,
      `${name} of a [${n}, ${k}] weight must hold ${expected} values, not ${length}`,
    );
  };
  const checkBytes = ({ bytes }: StoredCodes<unknown>, expected: number): void => {
    check(bytes === expected, operation, `codes of a [${n}, ${k}] weight must take ${expected} bytes, not ${bytes}`);
  };
  if (bias) checkArray('bias', bias, Float32Array, n);
  if (source.kind === 'dense') {
    const { dtype, data } = source;
    const type = dtype === 'F32' ? Float32Array : Uint16Array;
    if (ArrayBuffer.isView(data)) {
      check(data instanceof type, operation, `${dtype} data came as ${data.constructor.name}`);
      checkLength('data', data.length, n * k);
    } else {
      checkLength('data', data.bytes / type.BYTES_PER_ELEMENT, n * k);
    }
    return;
  }
  const { groupSize } = source;
  check(Number.isSafeInteger(groupSize) && groupSize >= 0, operation, `groupSize must be 0 or more, not ${groupSize}`);
  const { codes } = source;
  if (ArrayBuffer.isView(codes)) checkArray('codes', codes, source.kind === 'integer' ? Int8Array : Uint8Array, n * k);
  else checkBytes(codes, n * (codes.storage === 'bytes' ? k : 4 * Math.ceil((k * source.bits) / 32)));
  checkArray('scales', source.scales, Float32Array, n * groupCount(k, groupSize));
  if (source.kind === 'affine') checkArray('biases', source.biases, Float32Array, source.scales.length);
  else check(k <= MAX_INTEGER_DEPTH, operation, `inFeatures = ${k} may overflow int32; at most ${MAX_INTEGER_DEPTH}`);
}

type Elements = Int8Array | Uint8Array | Float32Array;
type ElementsType = Int8ArrayConstructor | Uint8ArrayConstructor | Float32ArrayConstructor;

/** Bytes of codes, scales and biases as files hold them. */
export function storedBytes(source: WeightSource): number {
  const bias = source.bias?.byteLength ?? 0;
  if (source.kind === 'dense') {
    const { data } = source;
    return (ArrayBuffer.isView(data) ? data.byteLength : data.bytes) + bias;
  }
  const codes = Math.ceil((source.outFeatures * source.inFeatures * source.bits) / 8);
  const biases = source.kind === 'affine' ? source.biases.byteLength : 0;
  return codes + source.scales.byteLength + biases + bias;
}
