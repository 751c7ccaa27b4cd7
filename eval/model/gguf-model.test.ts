import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { openModel } from '../../quant/checkpoint/open-model.ts';
import { runCli } from '../../testing/run-cli.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { buildGguf, tinyGguf, type GgufTensorPlan } from '../../testing/tiny-gguf.ts';
import { parseConfiguration } from './configurations.ts';
import { loadModel } from './load.ts';

/** ggml's number of F16. */
const F16 = 1;

/** The tiny model in F16 throughout, but for its norms; its weights depend on nothing but their place. */
function writeFloatGguf(): string {
  const tensors = tinyGguf.tensors.map((tensor): GgufTensorPlan => {
    const elements = tensor.shape.reduce((product: number, length) => product * Number(length), 1);
    if (tensor.shape.length < 2) return { ...tensor, data: new Uint8Array(new Float32Array(elements).fill(1).buffer) };
    // Of either sign, from 2^-5 to 2^-2.
    const patterns = Uint16Array.from({ length: elements }, (_, i) => {
      const mixed = Math.imul(i + elements, 0x9e3779b1) >>> 0;
      return ((mixed & 1) << 15) | ((10 + ((mixed >>> 1) & 3)) << 10) | ((mixed >>> 8) & 0x3ff);
    });
    return { ...tensor, type: F16, data: new Uint8Array(patterns.buffer) };
  });
  const path = join(temporaryFolder(), 'float.gguf');
  writeFileSync(path, buildGguf({ ...tinyGguf, tensors }));
  return path;
}

async function logitsOf(path: string, name: string): Promise<Float32Array> {
  const model = openModel(path);
  const backend = openReferenceBackend();
  try {
    const loaded = await loadModel(model, backend, parseConfiguration(name));
    return await loaded.logits(Int32Array.of(1, 5, 2, 7, 0, 3));
  } finally {
    backend.close();
    model.close();
  }
}

describe('a GGUF file of floats', () => {
  it('is a float model, with its values where they stand unless rows move', () => {
    const model = openModel(writeFloatGguf());
    expect(model).toMatchObject({ format: 'gguf', scheme: undefined, rowName: undefined });
    const tensor = (part: string) => model.tensors.get(`model.layers.0.${part}.weight`);
    expect(tensor('self_attn.q_proj')?.inFile).toBeUndefined();
    const mapped = tensor('mlp.down_proj');
    expect(mapped).toMatchObject({ dtype: 'F16', inFile: { path: model.path, bytes: 32 * 64 * 2 } });
    expect(mapped?.inFile?.read()).toHaveLength(32 * 64);
    model.close();
  });

  it('computes in every configuration what its float checkpoint computes', async () => {
    const gguf = writeFloatGguf();
    const folder = join(temporaryFolder(), 'float');
    const run = await runCli(['convert', gguf, '-o', folder, '--mode', 'float']);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    for (const name of ['fp16', 'w8a8-g32', 'w4a16']) {
      const logits = await logitsOf(gguf, name);
      expect(logits.every(Number.isFinite)).toBe(true);
      expect(logits).toEqual(await logitsOf(folder, name));
    }
  });

  it('is converted like any float checkpoint', async () => {
    const gguf = writeFloatGguf();
    const folder = join(temporaryFolder(), 'w8a8');
    expect(await runCli(['convert', gguf, '-o', folder])).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await logitsOf(folder, 'fp16')).toEqual(await logitsOf(gguf, 'w8a8'));
  });
});
