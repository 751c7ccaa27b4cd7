import { describe, expect, it } from 'vitest';
import { compareOutputs } from './compare.ts';
import type { CaseOutput } from './run-case.ts';

const floats = (...values: number[]): CaseOutput[] => [{ name: 'out', columns: 2, values: Float32Array.from(values) }];

describe('compareOutputs', () => {
  it('finds nothing in equal bits', () => {
    expect(compareOutputs(floats(1, -0, Infinity, 1e-40), floats(1, -0, Infinity, 1e-40))).toBeUndefined();
  });

  it('shows the first difference with both bit patterns, and counts the others', () => {
    expect(compareOutputs(floats(1, 2, 3, 4), floats(1, 2, 3 + 2 ** -22, 5))).toEqual({
      output: 'out',
      row: 1,
      column: 0,
      expected: { value: '3', bits: '0x40400000' },
      actual: { value: '3.000000238418579', bits: '0x40400001' },
      different: 2,
      elements: 4,
    });
  });

  it('tells 0 from -0', () => {
    expect(compareOutputs(floats(0, 1), floats(-0, 1))).toMatchObject({
      expected: { bits: '0x00000000' },
      actual: { value: '0', bits: '0x80000000' },
    });
  });

  it('takes any NaN for any other, but for nothing else', () => {
    const negative = new Float32Array(Int32Array.of(-1, 0).buffer);
    expect(compareOutputs(floats(NaN, 0), [{ name: 'out', columns: 2, values: negative }])).toBeUndefined();
    expect(compareOutputs(floats(NaN, 0), floats(1, 0))).toMatchObject({ expected: { value: 'NaN' } });
    expect(compareOutputs(floats(1, 0), floats(NaN, 0))).toMatchObject({ actual: { value: 'NaN' } });
  });

  it('writes codes as bytes and sums as words', () => {
    const codes = (value: number): CaseOutput[] => [{ name: 'codes', columns: 1, values: Int8Array.of(0, value) }];
    const sums = (value: number): CaseOutput[] => [{ name: 'sums', columns: 1, values: Int32Array.of(value) }];
    expect(compareOutputs(codes(-1), codes(1))).toMatchObject({ expected: { bits: '0xff' }, actual: { bits: '0x01' } });
    expect(compareOutputs(sums(-2), sums(3))).toMatchObject({ expected: { bits: '0xfffffffe' }, row: 0, column: 0 });
  });

  it('refuses outputs of another length or class', () => {
    expect(() => compareOutputs(floats(1, 2), floats(1))).toThrow(
      'out came as Float32Array of 1, not Float32Array of 2',
    );
    const codes: CaseOutput[] = [{ name: 'out', columns: 2, values: Int8Array.of(1, 2) }];
    expect(() => compareOutputs(floats(1, 2), codes)).toThrow('out came as Int8Array of 2');
  });
});
