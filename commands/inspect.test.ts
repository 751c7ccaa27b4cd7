import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packagePath } from './package-path.ts';
import { runCli } from '../testing/run-cli.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { tinyConfig, writeTinyCheckpoint, type Edit } from '../testing/tiny-checkpoint.ts';

interface Inspected {
  ok: boolean;
  warnings: string[];
  result: {
    files: { name: string; bytes: number }[];
    scheme: string;
    parameters: number;
    tensors: { name: string; dtype: string; shape: number[]; bytes: number; file: string }[];
    metadata?: Record<string, string>;
    problems: { code: string; message: string }[];
  };
  error?: { code: string; exit: number };
}

function makeModel(edit?: Edit): string {
  const model = join(temporaryFolder(), 'model');
  mkdirSync(model);
  writeTinyCheckpoint(model, tinyConfig, edit);
  return model;
}

async function inspectJson(...args: string[]): Promise<{ exitCode: number | null; document: Inspected }> {
  const run = await runCli(['inspect', ...args, '--json']);
  return { exitCode: run.exitCode, document: JSON.parse(run.stdout) as Inspected };
}

describe('cider inspect', () => {
  it('lists tensors, then files, scheme and parameters', async () => {
    const run = await runCli(['inspect', makeModel()]);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toMatch(/^tensor +dtype +shape +size\n/);
    expect(run.stdout).toMatch(/\nmodel\.layers\.1\.mlp\.up_proj\.weight +BF16 +96 × 64 +12\.3 kB\n/);
    expect(run.stdout).toMatch(
      /\nfiles +model\.safetensors \(.* kB\)\nscheme +float\nparameters +64,448 in 24 tensors\n$/,
    );
  });

  it('counts the same parameters after conversion', async () => {
    const model = makeModel();
    const out = `${model}-w4a16`;
    await runCli(['convert', model, '-o', out, '--mode', 'w4a16', '--gs', '32']);
    const before = await inspectJson(model);
    const after = await inspectJson(out, '--check');
    expect(after.document.result).toMatchObject({ scheme: 'w4a16, groups of 32', problems: [] });
    expect(after.document.result.parameters).toBe(before.document.result.parameters);
  });

  it('shows a tensor of unknown dtype and says that it is one', async () => {
    const file = join(temporaryFolder(), 'odd.safetensors');
    const header = Buffer.from('{"w\\u001b[0m":{"dtype":"F7","shape":[8],"data_offsets":[0,7]}}   ');
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(BigInt(header.length));
    writeFileSync(file, Buffer.concat([prefix, header, Buffer.alloc(7)]));
    const { exitCode, document } = await inspectJson(file);
    expect(exitCode).toBe(3);
    expect(document).toMatchObject({ ok: false, error: { code: 'E_UNKNOWN_DTYPE', exit: 3 } });
    expect(document.result.tensors).toMatchObject([{ dtype: 'F7', shape: [8], bytes: 7 }]);
    const run = await runCli(['inspect', file]);
    expect(run.stdout).toContain('w\\x1b[0m');
    expect(run.stdout + run.stderr).not.toContain('\u001b');
  });

  it('says what a file is that it cannot list', async () => {
    const file = join(temporaryFolder(), 'model.safetensors');
    writeFileSync(file, 'PK\u0003\u0004 and so on');
    const run = await runCli(['inspect', file]);
    expect(run).toMatchObject({ exitCode: 3, stdout: '' });
    expect(run.stderr).toMatch(/^error: model\.safetensors: this is a zip archive, .*, not a safetensors file\nhint: /);
  });

  it('shows a GGUF file by its own names, types and metadata', async () => {
    const { exitCode, document } = await inspectJson(packagePath('fixtures/gguf/qwen3.gguf'), '--check');
    expect(exitCode).toBe(0);
    const { result } = document;
    expect(result).toMatchObject({ scheme: 'Q4_0, Q4_1, Q5_1, Q5_0, Q8_0', parameters: 28_288, problems: [] });
    expect(result.tensors).toContainEqual({
      name: 'blk.0.attn_q.weight',
      dtype: 'Q4_0',
      shape: [32, 32],
      bytes: 576,
      file: 'qwen3.gguf',
    });
    expect(result.metadata).toMatchObject({
      'general.architecture': 'qwen3',
      'tokenizer.ggml.tokens': expect.stringMatching(/^\["!", .* 296 in all\]$/) as string,
    });
  });

  it('shows what a GGUF file says of itself where no model can be made of it', async () => {
    const file = join(temporaryFolder(), 'odd.gguf');
    const bytes = readFileSync(packagePath('fixtures/gguf/qwen3.gguf'));
    const at = bytes.indexOf('blk.0.attn_q.weight');
    bytes.write('blk.0.attn_z.weight', at);
    writeFileSync(file, bytes);
    const { exitCode, document } = await inspectJson(file);
    expect(exitCode).toBe(3);
    expect(document.result).toMatchObject({ scheme: 'unknown', problems: [{ code: 'E_GGUF_TENSOR_MISSING' }] });
    expect(document.result.tensors).toHaveLength(14);
  });

  it('finds values that are not finite only when it is asked to read them', async () => {
    const model = makeModel((name, values) => {
      if (name === 'model.layers.0.input_layernorm.weight') values[7] = 0x7fc0;
    });
    expect((await inspectJson(model)).exitCode).toBe(0);
    const { exitCode, document } = await inspectJson(model, '--check');
    expect(exitCode).toBe(3);
    expect(document.result.problems).toEqual([
      {
        code: 'E_NON_FINITE',
        message: 'model.safetensors: tensor "model.layers.0.input_layernorm.weight" holds NaN at [7]',
      },
    ]);
  });

  it('finds a scale that is not finite in a converted checkpoint', async () => {
    const model = makeModel();
    const out = `${model}-w8a8`;
    await runCli(['convert', model, '-o', out]);
    const path = join(out, 'model.safetensors');
    const bytes = readFileSync(path);
    const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())).toString()) as Record<
      string,
      { data_offsets: [number, number] }
    >;
    const name = 'model.layers.1.mlp.down_proj.weight_scale';
    bytes.writeFloatLE(Infinity, 8 + Number(bytes.readBigUInt64LE()) + header[name].data_offsets[0] + 8);
    writeFileSync(path, bytes);
    const { exitCode, document } = await inspectJson(out, '--check');
    expect(exitCode).toBe(3);
    expect(document.result.problems[0]).toMatchObject({ code: 'E_NON_FINITE' });
    expect(document.result.problems[0].message).toContain(`"${name}" holds Infinity at [2, 0]`);
  });

  it('compares shapes with config.json', async () => {
    const model = makeModel();
    const config = readFileSync(join(model, 'config.json'), 'utf8');
    writeFileSync(join(model, 'config.json'), config.replace('"hidden_size": 64', '"hidden_size": 128'));
    const { exitCode, document } = await inspectJson(model);
    expect(exitCode).toBe(3);
    expect(document.result.problems[0].code).toBe('E_TENSOR_SHAPE');
  });
});
