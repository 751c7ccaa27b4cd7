import type { Backend } from '../backend.ts';
import { argmax } from './argmax.ts';
import { attention } from './attention.ts';
import { crossEntropy } from './cross-entropy.ts';
import { divergence } from './divergence.ts';
import { add, geluTanhMul, siluMul } from './elementwise.ts';
import { embedding } from './embedding.ts';
import { ReferenceKvCache } from './kv-cache.ts';
import { linear } from './linear.ts';
import { matmulInt8 } from './matmul-int8.ts';
import { quantizePerToken } from './quantize-per-token.ts';
import { releaseHandle } from './release.ts';
import { rmsNorm } from './rms-norm.ts';
import { rope } from './rope.ts';
import { sample } from './sample.ts';
import { softCap } from './soft-cap.ts';
import { createTensor, download, tensorOf, viewOf } from './tensor.ts';
import { createWeight } from './weight.ts';

/**
 * The backend that the others are compared with: plain TypeScript on one thread. Memory is the garbage collector's, so
 * that handles left over need no care.
 */
export function openReferenceBackend(): Backend {
  return {
    info: { name: 'reference', isa: 'typescript', threads: 1 },
    allocate: (rows, columns) => createTensor('allocate', rows, columns),
    upload: (rows, columns, values) => createTensor('upload', rows, columns, values),
    download,
    view: viewOf,
    loadWeight: createWeight,
    createKvCache: (capacity, kvHeads, headDim) => new ReferenceKvCache(capacity, kvHeads, headDim),
    release: releaseHandle,
    close: () => undefined,
    embedding,
    rmsNorm,
    rope,
    attention,
    siluMul,
    geluTanhMul,
    add,
    softCap,
    linear,
    quantizePerToken: (x) => {
      const { values, rows, columns } = tensorOf('quantizePerToken', 'x', x);
      return quantizePerToken(values, rows, columns);
    },
    matmulInt8,
    crossEntropy: (x, head, targets, options) => crossEntropy(x, head, targets, options),
    divergence: (x, head, baseX, baseHead, options) => divergence(x, head, baseX, baseHead, options),
    argmax,
    sample,
  };
}
