import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../../testing/temporary-folder.ts';
import { Checkpoint } from '../checkpoint.ts';
import { isDtype } from '../dtypes.ts';
import { writeSafetensors } from '../safetensors-writer.ts';
import type { MlxBits, MlxGroupSize, MlxMode } from './scheme.ts';

/** What fixtures/mlx/make_mlx.py writes: bytes in base64. */
export interface GoldenTensor {
  dtype: string;
  shape: number[];
  data: string;
}

export interface GoldenWeight {
  mode: MlxMode;
  bits: MlxBits;
  groupSize: MlxGroupSize;
  tensors: Record<string, GoldenTensor>;
  values: GoldenTensor;
}

export interface GoldenQuantization {
  weights: GoldenTensor;
  results: { bits: 8 | 4; groupSize: 32 | 64 | 128; tensors: Record<string, GoldenTensor> }[];
}

export const goldenWeights = readGolden('dequantize.json') as GoldenWeight[];
export const goldenQuantizations = readGolden('quantize.json') as GoldenQuantization[];

function readGolden(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../../../fixtures/mlx/${name}`, import.meta.url), 'utf8'));
}

export const goldenBytes = ({ data }: GoldenTensor): Uint8Array => Uint8Array.from(Buffer.from(data, 'base64'));

/** Opens a file with the tensors. */
export function openTensors(tensors: Readonly<Record<string, GoldenTensor>>): Checkpoint {
  const path = join(temporaryFolder(), 'tensors.safetensors');
  const entries = Object.entries(tensors).map(([name, tensor]) => {
    if (!isDtype(tensor.dtype)) throw new RangeError(tensor.dtype);
    return { name, dtype: tensor.dtype, shape: tensor.shape, data: goldenBytes(tensor) };
  });
  writeSafetensors(path, entries);
  return Checkpoint.open(path);
}
