import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkAccumulate, checkHadamard, checkInverseFactor, checkMatrix, checkMultiplyAdd } from './check-matrices.ts';
import { matrix, type Matrix } from './linear-algebra.ts';

const zeros = (rows: number, columns: number): Matrix => matrix(new Float64Array(rows * columns), rows, columns);

describe('checkMatrix', () => {
  it('takes a block to the last number of its array, and none that goes on behind it', () => {
    const block = { data: new Float64Array(20), offset: 3, stride: 6, rows: 3, columns: 5 };
    checkMatrix('test', 'x', block);
    expect(() => {
      checkMatrix('test', 'x', { ...block, offset: 4 });
    }).toThrow('test: x [3, 5] ends at 21, behind the 20 numbers of its array');
  });

  it.each([
    [{ rows: 0 }, 'rows of x must be a positive integer, not 0'],
    [{ columns: 1.5 }, 'columns of x must be a positive integer, not 1.5'],
    [{ stride: 4 }, 'x has 5 columns, but a stride of 4'],
    [{ stride: NaN }, 'stride of x must be a positive integer, not NaN'],
    [{ offset: -1 }, 'offset -1 of x'],
    [{ data: new Float32Array(20) as unknown as Float64Array }, 'x [3, 5] ends at'],
  ])('refuses %o', (change, message) => {
    const block = { data: new Float64Array(20), offset: 3, stride: 6, rows: 3, columns: 5, ...change };
    expect(() => {
      checkMatrix('test', 'x', block);
    }).toThrow(message);
  });
});

describe('checkMultiplyAdd', () => {
  it('compares sizes', () => {
    checkMultiplyAdd(zeros(2, 3), 1, zeros(2, 5), zeros(5, 3), false);
    checkMultiplyAdd(zeros(2, 3), 1, zeros(2, 5), zeros(3, 5), true);
    expect(() => {
      checkMultiplyAdd(zeros(2, 3), 1, zeros(2, 5), zeros(3, 5), false);
    }).toThrow('multiplyAdd: c [2, 3] is no sum with the product of a [2, 5] and b [3, 5]');
    expect(() => {
      checkMultiplyAdd(zeros(2, 3), 1, zeros(2, 5), zeros(5, 3), true);
    }).toThrow('b [5, 3] transposed');
    expect(() => {
      checkMultiplyAdd(zeros(2, 3), NaN, zeros(2, 5), zeros(5, 3), false);
    }).toThrow('multiplyAdd: factor NaN');
  });

  it('refuses a c that has an element of a or b', () => {
    // One array, as its views may be, and its numbers by the blocks that they are in.
    const size = fc.integer({ min: 1, max: 4 });
    const at = fc.integer({ min: 0, max: 40 });
    fc.assert(
      fc.property(size, size, at, at, fc.integer({ min: 4, max: 9 }), (rows, columns, first, second, stride) => {
        const data = new Float64Array(100);
        const c = { data, offset: first, stride, rows, columns };
        // The other block lies in a view that begins in the middle.
        const from = Math.min(second, 7);
        const a = { data: data.subarray(from), offset: second - from, stride, rows, columns: rows };
        const marks = new Set<number>();
        for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) marks.add(first + i * stride + j);
        let meets = false;
        for (let i = 0; i < rows; i++) for (let j = 0; j < rows; j++) meets ||= marks.has(second + i * stride + j);
        const call = () => {
          checkMultiplyAdd(c, 1, a, zeros(rows, columns), false);
        };
        if (meets) expect(call).toThrow('multiplyAdd: c and a share memory');
        else call();
      }),
    );
  });

  it('takes blocks of different strides for such if their extents meet', () => {
    const data = new Float64Array(100);
    const c = { data, offset: 0, stride: 10, rows: 2, columns: 2 };
    expect(() => {
      checkMultiplyAdd(c, 1, zeros(2, 2), { data, offset: 5, stride: 2, rows: 2, columns: 2 }, false);
    }).toThrow('c and b share memory');
    checkMultiplyAdd(c, 1, zeros(2, 2), { data, offset: 12, stride: 2, rows: 2, columns: 2 }, false);
  });
});

describe('the other checks', () => {
  it('ask for a square matrix', () => {
    checkInverseFactor(zeros(3, 3));
    expect(() => {
      checkInverseFactor(zeros(3, 4));
    }).toThrow('inverseFactor: h [3, 4] is not square');
  });

  it('ask for a base of signs that goes into the columns', () => {
    const base = { order: 2, signs: Int8Array.of(1, 1, 1, -1) };
    checkHadamard(zeros(3, 8), base);
    checkHadamard(zeros(3, 2), base);
    const refuse = (columns: number, change: object, message: string): void => {
      expect(() => {
        checkHadamard(zeros(3, columns), { ...base, ...change });
      }).toThrow(message);
    };
    refuse(6, {}, 'hadamard: 6 columns are not 2 times a power of two');
    refuse(1, {}, 'hadamard: 1 columns are not 2 times a power of two');
    refuse(8, { order: 0 }, 'hadamard: order must be a positive integer, not 0');
    refuse(8, { signs: new Int8Array(3) }, 'hadamard: a base of order 2 has 4 signs, not 3');
    refuse(8, { signs: new Int8Array(4) }, 'hadamard: a sign is neither 1 nor -1');
  });

  it('ask for as many activations as the sum has rows and columns', () => {
    const [y, x] = [new Float32Array(8), new Float32Array(12)];
    checkAccumulate(zeros(2, 3), y, x, 4);
    expect(() => {
      checkAccumulate(zeros(2, 3), x, x, 4);
    }).toThrow('accumulate: y [4, 2] needs 8 values, got 12');
    expect(() => {
      checkAccumulate(zeros(2, 3), y, y, 4);
    }).toThrow('accumulate: x [4, 3] needs 12 values, got 8');
    expect(() => {
      checkAccumulate(zeros(2, 3), y, x, 0);
    }).toThrow('accumulate: count must be a positive integer, not 0');
  });
});
