import { describe, expect, it } from 'vitest';
import type { Backend } from '../backend.ts';
import type { VerifiableBackend } from './weight-quantizer.ts';
import { openReferenceBackend } from '../reference/backend.ts';
import { parseCase } from './verify-case.ts';
import { verifyBackends, type VerifyReport } from './verify.ts';

const reference = openReferenceBackend();
const cases = [
  'matmul-int8:3x5x7:random:1',
  'quantize:4x33:edges:2',
  'w8a8+bias:2x3x40:random:3',
  'w4a8-g32:2x3x40:edges:4',
].map(parseCase);

const nobody = { signal: new AbortController().signal, onCase: () => undefined };
const verify = (backends: readonly Backend[], only = cases): Promise<VerifyReport> =>
  verifyBackends(reference, backends, only, nobody);

/** The reference with a fault. */
const faulty = (fault: Partial<Backend>, threads = 1): Backend => ({
  ...reference,
  info: { name: 'cpu', isa: 'faulty', threads },
  ...fault,
});

describe('verifyBackends', () => {
  it('finds no fault in the reference', async () => {
    const report = await verify([reference]);
    expect(report.firstMismatch).toBeUndefined();
    expect(report.backends).toEqual([
      { backend: 'reference', isa: 'typescript', threads: [1], cases: 4, mismatches: 0, skipped: 0 },
    ]);
  });

  it('compares quantizers of weights, and skips backends without one', async () => {
    const weights = [parseCase('f32-int8:2x33:random:1')];
    const quantizer = (code: number): VerifiableBackend => ({
      ...faulty({}),
      quantizeRows: (_, codes, scales) => {
        codes.fill(code);
        scales.fill(1);
        return Promise.resolve();
      },
    });
    const right = await verifyBackends(quantizer(3), [quantizer(3), reference], weights, nobody);
    expect(right).toMatchObject({
      backends: [
        { cases: 1, skipped: 0 },
        { cases: 0, skipped: 1 },
      ],
      firstMismatch: undefined,
    });
    const wrong = await verifyBackends(quantizer(3), [quantizer(4)], weights, nobody);
    expect(wrong.firstMismatch).toMatchObject({ case: 'f32-int8:2x33:random:1', difference: { output: 'codes' } });
    const refusing: VerifiableBackend = {
      ...faulty({}),
      quantizeRows: () => Promise.reject(new Error('row 0, column 1')),
    };
    const refused = await verifyBackends(quantizer(3), [refusing], weights, nobody);
    expect(refused.firstMismatch?.error).toBe('refused instead of scales, codes');
  });

  it('counts thread counts of one instruction set together, and others apart', async () => {
    const report = await verify([faulty({}), faulty({}, 3), reference]);
    expect(report.backends).toMatchObject([
      { isa: 'faulty', threads: [1, 3], cases: 8 },
      { isa: 'typescript', cases: 4 },
    ]);
  });

  it('takes turns among thread counts with large cases, unless there is but one case', async () => {
    const large = ['matmul-int8:9x700x700:random:1', 'matmul-int8:9x700x700:random:2'].map(parseCase);
    const threads: number[] = [];
    const recording = (count: number): Backend =>
      faulty({ matmulInt8: (...args) => (threads.push(count), reference.matmulInt8(...args)) }, count);
    const report = await verify([recording(1), recording(3)], large);
    expect(threads).toEqual([1, 3]);
    expect(report.backends).toMatchObject([{ threads: [1, 3], cases: 2 }]);
    await verify([recording(1), recording(3)], large.slice(0, 1));
    expect(threads).toEqual([1, 3, 1, 3]);
  });

  it('finds one wrong sum', async () => {
    const matmulInt8: Backend['matmulInt8'] = (a, b, m, n, k) => {
      const sums = reference.matmulInt8(a, b, m, n, k);
      sums[6]++;
      return sums;
    };
    const { firstMismatch, backends } = await verify([faulty({ matmulInt8 })]);
    expect(firstMismatch).toMatchObject({
      isa: 'faulty',
      case: 'matmul-int8:3x5x7:random:1',
      difference: { output: 'sums', row: 1, column: 1, different: 1, elements: 15 },
    });
    expect(backends).toMatchObject([{ cases: 4, mismatches: 1 }]);
  });

  it('finds one code that is rounded the other way', async () => {
    const quantizePerToken: Backend['quantizePerToken'] = (x) => {
      const { codes, scales } = reference.quantizePerToken(x);
      codes[40] ^= 1;
      return { codes, scales };
    };
    const { firstMismatch } = await verify([faulty({ quantizePerToken })]);
    expect(firstMismatch?.difference).toMatchObject({ output: 'codes', row: 1, column: 7 });
  });

  it('finds an output that is off by the last bit, and finds it again by the name of the case', async () => {
    let last: Float32Array | undefined;
    const download: Backend['download'] = (tensor) => {
      last = reference.download(tensor);
      new Int32Array(last.buffer)[last.length - 1] ^= 1;
      return last;
    };
    const { firstMismatch } = await verify([faulty({ download })]);
    expect(firstMismatch).toMatchObject({ case: 'w8a8+bias:2x3x40:random:3', difference: { row: 1, column: 2 } });
    const again = await verify([faulty({ download })], [parseCase(firstMismatch?.case ?? '')]);
    expect(again.firstMismatch).toEqual(firstMismatch);
  });

  it('counts a call that throws as a mismatch, and goes on', async () => {
    const linear = (): Promise<void> => Promise.reject(new Error('no such kernel'));
    const { firstMismatch, backends } = await verify([faulty({ linear })]);
    expect(firstMismatch).toMatchObject({ case: 'w8a8+bias:2x3x40:random:3', error: 'no such kernel' });
    expect(backends).toMatchObject([{ cases: 4, mismatches: 2 }]);
  });

  it('stops when it is told to', async () => {
    const controller = new AbortController();
    const verifying = verifyBackends(reference, [reference], cases, {
      signal: controller.signal,
      onCase: (done) => {
        if (done === 2) controller.abort(new Error('enough'));
      },
    });
    await expect(verifying).rejects.toThrow('enough');
  });
});
