import type {
  LoadedAffineWeight,
  LoadedDenseWeight,
  LoadedIntegerWeight,
  Stored,
  Weight,
  WeightSource,
} from '../backend.ts';
import { check } from '../check.ts';
import { checkWeightSource, storedBytes } from './weight-source.ts';

/** A weight whose arrays are all in memory. */
export type LoadedWeight = LoadedDenseWeight | LoadedIntegerWeight | LoadedAffineWeight;

/** A weight as it was given: the arrays are kept, not copied, and widened a few rows at a time. */
export class ReferenceWeight implements Weight {
  readonly outFeatures: number;
  readonly inFeatures: number;
  readonly bytes: number;
  #source: LoadedWeight | undefined;

  constructor(source: LoadedWeight) {
    this.outFeatures = source.outFeatures;
    this.inFeatures = source.inFeatures;
    this.bytes = storedBytes(source);
    this.#source = source;
  }

  get source(): LoadedWeight {
    if (!this.#source) throw new RangeError(`weight [${this.outFeatures}, ${this.inFeatures}] was released`);
    return this.#source;
  }

  release(): void {
    this.#source = undefined;
  }
}

export function createWeight(source: WeightSource): ReferenceWeight {
  const loaded = readIntoMemory(source);
  checkWeightSource(loaded);
  return new ReferenceWeight(loaded);
}

function readIntoMemory(source: WeightSource): LoadedWeight {
  switch (source.kind) {
    case 'dense':
      return { ...source, data: inMemory(source.data) };
    case 'integer':
      return { ...source, codes: inMemory(source.codes) };
    case 'affine':
      return { ...source, codes: inMemory(source.codes) };
  }
}

const inMemory = <Elements extends ArrayBufferView>(elements: Elements | Stored<Elements>): Elements =>
  ArrayBuffer.isView(elements) ? elements : elements.read();

export function weightOf(operation: string, handle: Weight): ReferenceWeight {
  check(handle instanceof ReferenceWeight, operation, 'the weight is not of this backend');
  return handle;
}
