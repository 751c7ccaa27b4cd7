import type { Backend, IntegerWeight } from '../backend.ts';
import { groupCount } from '../reference/product.ts';
import { makeActivations } from './activations.ts';
import { codeRanges, makeCodes } from './codes.ts';
import { makeLayerWeight } from './layer-weight.ts';
import { Random } from './random.ts';
import type { VerifyCase } from './verify-case.ts';
import { refusedAt, type WeightToQuantize, type VerifiableBackend } from './weight-quantizer.ts';
import { makeWeights } from './weights.ts';

/** One array that a backend gave, as a matrix. */
export interface CaseOutput {
  /** `refused`: row and column of the weight that is not finite. */
  name: 'sums' | 'codes' | 'scales' | 'out' | 'refused';
  columns: number;
  values: Int32Array | Int8Array | Float32Array;
}

/** Runs the case on a backend; undefined if that has nothing for it. */
export type RunCase = (backend: VerifiableBackend) => Promise<readonly CaseOutput[] | undefined>;

/** Makes the operands of a case; what it returns runs the same case as often as wanted. */
export function prepareCase({ operation, m, n, k, content, seed }: VerifyCase): RunCase {
  const random = new Random(seed);
  switch (operation.kind) {
    case 'matmul-int8': {
      const a = makeCodes(content, m, k, codeRanges[8], random);
      const b = makeCodes(content, n, k, codeRanges[8], random);
      return (backend) => Promise.resolve([{ name: 'sums', columns: n, values: backend.matmulInt8(a, b, m, n, k) }]);
    }
    case 'quantize': {
      const x = makeActivations(content, m, k, random);
      return (backend) => Promise.resolve(quantize(backend, x, m, k));
    }
    case 'quantize-weight': {
      const data = makeWeights(operation, content, m, k, random);
      const { dtype, bits, groupSize } = operation;
      return (backend) => quantizeWeight(backend, { dtype, data, rows: m, columns: k, bits, groupSize });
    }
    case 'layer': {
      const x = makeActivations(content, m, k, random);
      const weight = makeLayerWeight(operation, content, n, k, random);
      return async (backend) => [{ name: 'out', columns: n, values: await layer(backend, x, m, weight) }];
    }
  }
}

function quantize(backend: Backend, x: Float32Array, rows: number, columns: number): CaseOutput[] {
  const tensor = backend.upload(rows, columns, x);
  try {
    const { codes, scales } = backend.quantizePerToken(tensor);
    return [
      { name: 'scales', columns: 1, values: scales },
      { name: 'codes', columns, values: codes },
    ];
  } finally {
    backend.release(tensor);
  }
}

async function quantizeWeight(
  { quantizeRows }: VerifiableBackend,
  source: WeightToQuantize,
): Promise<CaseOutput[] | undefined> {
  if (!quantizeRows) return undefined;
  const { rows, columns, groupSize } = source;
  const groups = groupCount(columns, groupSize);
  const codes = new Int8Array(rows * columns);
  const scales = new Float32Array(rows * groups);
  try {
    await quantizeRows(source, codes, scales);
  } catch (error) {
    const place = refusedAt(error);
    if (!place) throw error;
    return [{ name: 'refused', columns: 2, values: Int32Array.from(place) }];
  }
  return [
    { name: 'scales', columns: groups, values: scales },
    { name: 'codes', columns, values: codes },
  ];
}

async function layer(backend: Backend, x: Float32Array, rows: number, source: IntegerWeight): Promise<Float32Array> {
  const weight = backend.loadWeight(source);
  const input = backend.upload(rows, source.inFeatures, x);
  const out = backend.allocate(rows, source.outFeatures);
  try {
    await backend.linear(out, input, weight, { decode: 'w8a8' });
    return backend.download(out);
  } finally {
    for (const handle of [weight, input, out]) backend.release(handle);
  }
}
