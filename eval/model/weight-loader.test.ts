import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../kernels/backend.ts';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { Checkpoint } from '../../quant/checkpoint/checkpoint.ts';
import { quantizedTensors } from '../../quant/checkpoint/compressed-tensors.ts';
import { writeSafetensors } from '../../quant/checkpoint/safetensors-writer.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { parseConfiguration } from './configurations.ts';
import { WeightLoader } from './weight-loader.ts';

const [rows, columns] = [2, 3];

/** A W4A8 layer named `q`, with these codes. */
function writeLayer(codes: Int8Array): string {
  const path = join(temporaryFolder(), 'model.safetensors');
  const [codesTensor, scalesTensor] = quantizedTensors('q', [rows, columns], 'w4a8', 0);
  const scales = new Uint8Array(Float32Array.of(1, 0.5).buffer);
  writeSafetensors(path, [
    { ...codesTensor, data: new Uint8Array(codes.buffer) },
    { ...scalesTensor, data: scales },
  ]);
  return path;
}

/** Loads the layer on a backend that looks at stored codes with `loadWeight`. */
function load(path: string, loadWeight: Backend['loadWeight']): void {
  const checkpoint = Checkpoint.open(path);
  try {
    const stored = { mode: 'w4a8', groupSize: 0, perChannel: [], ignore: [] } as const;
    const backend = { ...openReferenceBackend(), loadWeight };
    const configuration = parseConfiguration('fp16');
    new WeightLoader(checkpoint, backend, { configuration, stored, gainOffset: 0 }).linear('q', false);
  } finally {
    checkpoint.close();
  }
}

describe('WeightLoader', () => {
  it('leaves stored codes in their file', () => {
    const path = writeLayer(Int8Array.of(-8, 7, 0, 1, 2, 3));
    load(path, (source) => {
      if (source.kind !== 'integer' || ArrayBuffer.isView(source.codes)) return expect.fail('the codes were read');
      expect(source.codes).toMatchObject({ path, bytes: rows * columns, storage: 'bytes' });
      expect(source.codes.read()).toEqual(Int8Array.of(-8, 7, 0, 1, 2, 3));
      expect(source.codes.checkUnchanged).not.toThrow();
      writeFileSync(path, 'short');
      expect(source.codes.checkUnchanged).toThrow(expect.objectContaining({ code: 'E_FILE_CHANGED' }));
      return { outFeatures: rows, inFeatures: columns, bytes: 0 };
    });
  });

  it('says what is wrong with codes that a backend refuses, or else what the backend said', () => {
    const refuse = (): never => {
      throw new RangeError('refused');
    };
    expect(() => {
      load(writeLayer(Int8Array.of(0, 0, 0, 0, 8, 0)), refuse);
    }).toThrow(expect.objectContaining({ code: 'E_CODE_RANGE', message: expect.stringContaining('[1, 1]') as string }));
    expect(() => {
      load(writeLayer(new Int8Array(6)), refuse);
    }).toThrow('refused');
  });
});
