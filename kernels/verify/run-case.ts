import type { Backend, IntegerWeight } from '../backend.ts';
import { makeActivations } from './activations.ts';
import { codeRanges, makeCodes } from './codes.ts';
import { makeLayerWeight } from './layer-weight.ts';
import { Random } from './random.ts';
import type { VerifyCase } from './verify-case.ts';

/** One array that a backend gave, as a matrix. */
export interface CaseOutput {
  name: 'sums' | 'codes' | 'scales' | 'out';
  columns: number;
  values: Int32Array | Int8Array | Float32Array;
}

/** Runs the case on any backend. */
export type RunCase = (backend: Backend) => Promise<readonly CaseOutput[]>;

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
