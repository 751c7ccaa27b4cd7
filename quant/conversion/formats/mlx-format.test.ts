import { describe, expect, it } from 'vitest';
import { unpackRows } from '../../checkpoint/bit-stream.ts';
import { goldenBytes, goldenQuantizations } from '../../checkpoint/mlx/golden.test.samples.ts';
import type { WeightDtype } from '../../checkpoint/weight-dtype.ts';
import { quantizeAffine } from '../../schemes/quantize-affine.ts';
import type { FloatRows } from '../../schemes/scheme.ts';
import { mlxFormat } from './mlx-format.ts';

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer.slice(byteOffset, byteOffset + byteLength));

const cases = goldenQuantizations.flatMap(({ weights, results }) =>
  results.map((result) => ({ ...result, weights, dtype: weights.dtype as WeightDtype })),
);

describe('mlxFormat', () => {
  it.each(cases)('stores what mx.quantize gives, to the bit: $dtype, $bits bits, groups of $groupSize', (golden) => {
    const { bits, groupSize, dtype, weights, tensors } = golden;
    const [rows, columns] = weights.shape;
    const { buffer } = goldenBytes(weights);
    const data = dtype === 'F32' ? new Float32Array(buffer) : new Uint16Array(buffer);
    const source: FloatRows = { dtype, data, rows, columns };
    const scaleDtype = mlxFormat.scaleDtype(dtype);
    const mode = bits === 4 ? 'w4a16' : 'w8a16';
    const codes = { kind: 'affine', ...quantizeAffine(source, bits, groupSize) } as const;
    const settled = mlxFormat.settle(codes, bits, scaleDtype);
    const parts = mlxFormat.encode(settled, { module: 'x', rows, columns, mode, groupSize, scaleDtype });
    const specs = mlxFormat.tensors('x', weights.shape, { mode, groupSize, scaleDtype });
    expect(specs).toEqual(
      Object.entries(tensors).map(([part, { dtype: stored, shape }]) => ({ name: `x.${part}`, dtype: stored, shape })),
    );
    expect(parts.map(bytesOf)).toEqual(Object.values(tensors).map(goldenBytes));
    expect(unpackRows(bytesOf(parts[0]), rows, columns, bits, 'dense')).toEqual(codes.codes);
  });

  it('keeps 0 where symmetric codes have it, whatever becomes of their scales', () => {
    const codes = Int8Array.from({ length: 64 }, (_, i) => (i % 16) - 8);
    const scales = Float32Array.of(0.1, 1 / 3);
    for (const dtype of ['F32', 'F16', 'BF16'] as const) {
      const settled = mlxFormat.settle({ kind: 'symmetric', codes, scales }, 4, dtype);
      if (settled.kind !== 'affine') throw new Error(settled.kind);
      settled.biases.forEach((bias, group) => {
        expect(settled.scales[group] * 8 + bias).toBe(0);
        expect(Math.abs(settled.scales[group] / scales[group] - 1)).toBeLessThan(2 ** -8);
      });
      expect([...settled.codes]).toEqual([...codes].map((code) => code + 8));
    }
  });

  it('names the tensor whose scales F16 does not hold', () => {
    const codes = { kind: 'symmetric', codes: new Int8Array(32), scales: Float32Array.of(60000) } as const;
    const settled = mlxFormat.settle(codes, 8, 'F16');
    const rows = { module: 'a.b', rows: 1, columns: 32, mode: 'w8a16', groupSize: 32, scaleDtype: 'F16' } as const;
    expect(() => mlxFormat.encode(settled, rows)).toThrow(
      'tensor "a.b.biases" comes to -7680000, which F16 does not hold',
    );
  });

  it('refuses what MLX does not have', () => {
    const request = { mode: 'w4a16', groupSize: 64, onIndivisible: 'error', quantizeEmbeddings: true } as const;
    mlxFormat.checkRequest(request);
    const refuses = (edit: object, message: string): void => {
      expect(() => {
        mlxFormat.checkRequest({ ...request, ...edit });
      }).toThrow(message);
    };
    refuses({ mode: 'w8a8' }, '--mode w8a8: MLX multiplies integer weights by float activations only');
    refuses({ mode: 'w4a8' }, '--mode w4a8');
    refuses({ groupSize: 0 }, '--gs 0: MLX has groups of 32, 64, 128');
    refuses({ groupSize: 256 }, '--gs 256');
    refuses({ onIndivisible: 'channel' }, '--on-indivisible channel');
  });
});
