import { copyFileSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { tinyConfig, writeTinyCheckpoint } from '../../testing/tiny-checkpoint.ts';
import { modelTensors } from './architecture.ts';
import { openModel } from './open-model.ts';

const gguf = new URL('../../../fixtures/gguf/llama.gguf', import.meta.url);

/** A tiny float checkpoint whose config.json has these members, too. */
function checkpointWith(members: object): string {
  const folder = temporaryFolder();
  writeTinyCheckpoint(folder);
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...tinyConfig, ...members }));
  return folder;
}

describe('openModel', () => {
  it('opens a float checkpoint with all its tensors where they stand', () => {
    const folder = temporaryFolder();
    writeTinyCheckpoint(folder);
    const model = openModel(folder);
    expect(model).toMatchObject({ format: 'float', path: folder, scheme: undefined, rowName: undefined, warnings: [] });
    expect([...model.tensors.keys()]).toEqual(modelTensors(model.config).map(({ name }) => name));
    const name = 'model.layers.1.mlp.up_proj.weight';
    const tensor = model.tensors.get(name);
    expect(tensor).toMatchObject({ shape: [96, 64], stored: 'BF16', dtype: 'BF16', bytes: 96 * 64 * 2 });
    const patterns = tensor?.inFile?.read();
    expect(patterns).toBeInstanceOf(Uint16Array);
    const values = tensor?.readFloats();
    expect(
      values?.every((value, i) => new Uint32Array(Float32Array.of(value).buffer)[0] >>> 16 === patterns?.[i]),
    ).toBe(true);
    model.checkUnchanged();
    writeFileSync(join(folder, 'model.safetensors'), 'short');
    for (const check of [model, tensor?.inFile]) {
      expect(() => check?.checkUnchanged()).toThrow(expect.objectContaining({ code: 'E_FILE_CHANGED' }));
    }
    model.close();
  });

  it('has the files of the folder as documents', () => {
    const folder = checkpointWith({});
    const model = openModel(folder);
    model.close();
    const { documents } = model;
    expect(documents.names).toEqual(['config.json', 'model.safetensors', 'tokenizer_config.json']);
    expect(Buffer.from(documents.read('tokenizer_config.json', 100) ?? []).toString()).toBe('{}');
    expect(documents.read('tokenizer.json', 100)).toBeUndefined();
    expect(() => documents.read('config.json', 10)).toThrow(expect.objectContaining({ code: 'E_FILE_TOO_LARGE' }));
  });

  it.each([
    [
      { quantization_config: { quant_method: 'awq' } },
      'quantization_config.quant_method is "awq"; the packed integers of AutoAWQ',
    ],
    [{ quantization_config: { quant_method: 'fp8' } }, '8-bit floats in blocks'],
    [{ quantization_config: { quant_method: 'invented' } }, 'is "invented"; known: compressed-tensors, MLX'],
    [
      { quantization_config: { bits: 4 } },
      'quantization_config.quant_method is missing; known: compressed-tensors, MLX',
    ],
    [{ compression_config: { quant_method: 'sparseml' } }, 'compression_config.quant_method is "sparseml"'],
  ])('refuses other methods of quantization by name: %j', (members, message) => {
    const folder = checkpointWith(members);
    expect(() => openModel(folder)).toThrow(
      expect.objectContaining({ code: 'E_CONFIG_FIELD', message: expect.stringContaining(message) as string }),
    );
  });

  it('knows a GGUF file by its first bytes, whatever its name is', () => {
    const path = join(temporaryFolder(), 'model.safetensors');
    copyFileSync(gguf, path);
    const model = openModel(path);
    expect(model).toMatchObject({ format: 'gguf', path, rowName: 'gguf-Q4_0' });
    model.close();
  });

  it('opens the only GGUF file of a folder, and safetensors before any', () => {
    const folder = temporaryFolder();
    copyFileSync(gguf, join(folder, 'a.gguf'));
    const model = openModel(folder);
    expect(model.path).toBe(join(folder, 'a.gguf'));
    model.close();
    copyFileSync(gguf, join(folder, 'b.gguf'));
    expect(() => openModel(folder)).toThrow(expect.objectContaining({ code: 'E_GGUF_SEVERAL' }));
    writeTinyCheckpoint(folder);
    const other = openModel(folder);
    expect(other.format).toBe('float');
    other.close();
  });

  it('follows no link out of the folder', () => {
    const [folder, other] = [temporaryFolder(), temporaryFolder()];
    copyFileSync(gguf, join(other, 'a.gguf'));
    symlinkSync(join(other, 'a.gguf'), join(folder, 'a.gguf'));
    expect(() => openModel(folder)).toThrow(expect.objectContaining({ code: 'E_LINK_OUTSIDE' }));
  });

  it('takes a file that is no GGUF for safetensors', () => {
    const path = join(temporaryFolder(), 'x.gguf');
    for (const content of ['', 'GG', readFileSync(gguf).subarray(4)]) {
      writeFileSync(path, content);
      expect(() => openModel(path)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^E_/) as string }));
    }
  });
});
