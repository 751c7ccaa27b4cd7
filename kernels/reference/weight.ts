import type { Weight, WeightSource } from '../backend.ts';
import { check, checkSize } from './check.ts';
import { MAX_INTEGER_DEPTH } from './matmul-int8.ts';
import { groupCount } from './product.ts';

/** A weight as it was given: the arrays are kept, not copied, and widened a few rows at a time. */
export class ReferenceWeight implements Weight {
  readonly outFeatures: number;
  readonly inFeatures: number;
  readonly bytes: number;
  #source: WeightSource | undefined;

  constructor(source: WeightSource) {
    this.outFeatures = source.outFeatures;
    this.inFeatures = source.inFeatures;
    this.bytes = storedBytes(source);
    this.#source = source;
  }

  get source(): WeightSource {
    if (!this.#source) throw new RangeError(`weight [${this.outFeatures}, ${this.inFeatures}] was released`);
    return this.#source;
  }

  release(): void {
    this.#source = undefined;
  }
}

export function createWeight(source: WeightSource): ReferenceWeight {
  const operation = 'loadWeight';
  const { outFeatures: n, inFeatures: k, bias } = source;
  checkSize(operation, 'outFeatures', n);
  checkSize(operation, 'inFeatures', k);
  const checkLength = (name: string, length: number, expected: number): void => {
    check(
      length === expected,
      operation,
      `${name} of a [${n}, ${k}] weight must hold ${expected} values, not ${length}`,
    );
  };
  if (bias) checkLength('bias', bias.length, n);
  if (source.kind === 'dense') {
    check(
      source.data instanceof (source.dtype === 'F32' ? Float32Array : Uint16Array),
      operation,
      `${source.dtype} data came as ${source.data.constructor.name}`,
    );
    checkLength('data', source.data.length, n * k);
    return new ReferenceWeight(source);
  }
  const { groupSize } = source;
  check(Number.isSafeInteger(groupSize) && groupSize >= 0, operation, `groupSize must be 0 or more, not ${groupSize}`);
  checkLength('codes', source.codes.length, n * k);
  checkLength('scales', source.scales.length, n * groupCount(k, groupSize));
  if (source.kind === 'affine') checkLength('biases', source.biases.length, source.scales.length);
  else check(k <= MAX_INTEGER_DEPTH, operation, `inFeatures = ${k} may overflow int32; at most ${MAX_INTEGER_DEPTH}`);
  return new ReferenceWeight(source);
}

export function weightOf(operation: string, handle: Weight): ReferenceWeight {
  check(handle instanceof ReferenceWeight, operation, 'the weight is not of this backend');
  return handle;
}

function storedBytes(source: WeightSource): number {
  const bias = source.bias?.byteLength ?? 0;
  if (source.kind === 'dense') return source.data.byteLength + bias;
  const codes = Math.ceil((source.codes.length * source.bits) / 8);
  const biases = source.kind === 'affine' ? source.biases.byteLength : 0;
  return codes + source.scales.byteLength + biases + bias;
}
