import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Tokenizer } from '../../../eval/model/tokenizer.ts';
import { faultyFileSystem, faults } from '../../../testing/faulty-file-system.ts';
import { FOLDER, memoryFiles } from '../../../testing/memory-file-system.ts';
import { temporaryFolder } from '../../../testing/temporary-folder.ts';
import {
  buildGguf,
  tinyGguf,
  tinyGgufTensor,
  tinyGgufTensors,
  withKeys,
  type GgufKey,
  type GgufPlan,
} from '../../../testing/tiny-gguf.ts';
import { CiderError, InputError } from '../../errors.ts';
import { modelTensors } from '../architecture.ts';
import { parseModelConfig, type ModelConfig } from '../hf-config.ts';
import type { StoredModel, StoredTensor } from '../stored-model.ts';
import { parseGgufHeader } from './gguf-header.ts';
import { openGguf } from './open-gguf.ts';

const folder = new URL('../../../../fixtures/gguf/', import.meta.url).pathname;
const names = ['llama', 'llama-biases', 'mistral', 'qwen2', 'qwen3', 'gemma2', 'gemma3'] as const;

/** What fixtures/gguf/make_gguf.py writes beside a model. */
interface Golden {
  /** As transformers writes config.json. */
  config: object;
  /** SHA-256 of the f32 values by name in the float layout. */
  tensors: Record<string, string>;
  texts: string[];
  /** Of each text, without special tokens around it. */
  ids: number[][];
  prefix: number[];
}

const goldenOf = (name: string): Golden => JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Golden;

function open(path: string): StoredModel {
  const model = openGguf(path);
  onTestFinished(() => {
    model.close();
  });
  return model;
}

const openBytes = (bytes: Uint8Array): StoredModel =>
  openGguf(`${FOLDER}/x.gguf`, memoryFiles(new Map([['x.gguf', bytes]])));
const openPlan = (plan: GgufPlan): StoredModel => openBytes(buildGguf(plan));

/** The meaning of a config.json: what it says of computation. */
function meaning(config: ModelConfig): object {
  return { ...config, raw: undefined, text: undefined, dtype: undefined };
}

const sha256 = (values: Float32Array): string =>
  createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex');

const text = (model: StoredModel, name: string): string =>
  new TextDecoder().decode(model.documents.read(name, 2 ** 24) ?? new Uint8Array(0));

const tensorOf = (model: StoredModel, name: string): StoredTensor => {
  const tensor = model.tensors.get(name);
  if (!tensor) throw new Error(`no tensor ${name}`);
  return tensor;
};

function errorOf(action: () => unknown): { code: string; message: string; hint?: string | undefined } {
  try {
    action();
  } catch (error) {
    if (error instanceof InputError) return { code: error.code, message: error.message, hint: error.hint };
    throw error;
  }
  return { code: 'none', message: '' };
}

/** What opening a model and reading all of it fails with; the model is closed again. */
function failureOf(openModel: () => StoredModel): unknown {
  try {
    const model = openModel();
    try {
      for (const tensor of model.tensors.values()) {
        tensor.readFloats();
        tensor.codes?.read();
      }
      for (const name of model.documents.names) model.documents.read(name, 2 ** 24);
    } finally {
      model.close();
    }
  } catch (error) {
    return error;
  }
  return undefined;
}

describe.each(names)('openGguf of %s', (name) => {
  const golden = goldenOf(name);

  it('has the configuration of the original', () => {
    const { config, documents } = open(join(folder, `${name}.gguf`));
    const original = parseModelConfig(Buffer.from(JSON.stringify(golden.config)));
    expect(meaning(config)).toEqual(meaning(original));
    expect(documents.read('config.json', 10_000)).toEqual(Buffer.from(config.text));
  });

  it('has the tensors of the original, in its order of rows', () => {
    const { tensors, config, files } = open(join(folder, `${name}.gguf`));
    const read = [...tensors.values()].map((tensor) => [tensor.name, sha256(tensor.readFloats())]);
    expect(Object.fromEntries(read)).toEqual(golden.tensors);
    expect([...tensors.values()].map((tensor) => [tensor.name, tensor.shape])).toEqual(
      modelTensors(config).map((tensor) => [tensor.name, tensor.shape]),
    );
    expect(new Set([...tensors.values()].map(({ file }) => file))).toEqual(new Set(files.map((file) => file.name)));
  });

  it('has codes that mean the same values, to the bit', () => {
    for (const tensor of open(join(folder, `${name}.gguf`)).tensors.values()) {
      const { codes } = tensor;
      if (!codes) continue;
      const read = codes.read();
      const values = Float32Array.from(read.codes, (code, i) => {
        const group = Math.floor(i / codes.groupSize);
        const product = Math.fround(read.scales[group] * code);
        return read.kind === 'affine' ? product + read.biases[group] : product;
      });
      expect(codes).toMatchObject({ kind: read.kind, exact: true, quantizesActivations: false });
      expect(sha256(values)).toBe(sha256(tensor.readFloats()));
    }
  });

  it('gives texts the ids of the original tokenizer', () => {
    const model = open(join(folder, `${name}.gguf`));
    expect(model.documents.names).toEqual(['config.json', 'tokenizer.json', 'tokenizer_config.json']);
    const tokenizer = new Tokenizer(text(model, 'tokenizer.json'), model.config.vocabSize);
    expect(golden.texts.map((each) => [...tokenizer.encode(each)])).toEqual(golden.ids);
    expect(tokenizer.prefixIds).toEqual(golden.prefix);
    // Sentencepiece and NFC change what they encode; the others give it back.
    const [plain] = golden.texts;
    expect(tokenizer.decode(golden.ids[0])).toBe(plain);
  });
});

describe('openGguf', () => {
  it('says what the file holds', () => {
    const model = open(join(folder, 'llama.gguf'));
    expect(model.format).toBe('gguf');
    expect(model.scheme).toBe('Q4_0, Q4_1, Q5_1, Q5_0, Q8_0');
    expect(model.rowName).toBe('gguf-Q4_0');
    expect(model.warnings).toEqual([]);
    const query = tensorOf(model, 'model.layers.0.self_attn.q_proj.weight');
    expect(query).toMatchObject({ stored: 'Q4_0', dtype: 'F16', bytes: 32 * 18, file: 'llama.gguf' });
    expect(tensorOf(model, 'model.layers.0.mlp.up_proj.weight')).toMatchObject({ stored: 'F16', codes: undefined });
    expect(JSON.parse(text(model, 'tokenizer_config.json'))).toMatchObject({
      bos_token: '<|begin|>',
      eos_token: '<|end|>',
      chat_template: '{{ messages[0].content }}',
    });
    expect(model.documents.read('generation_config.json', 10)).toBeUndefined();
    expect(errorOf(() => model.documents.read('config.json', 10)).code).toBe('E_FILE_TOO_LARGE');
  });

  it('takes a file of floats for one', () => {
    const tensors = tinyGgufTensors.map(({ name, shape }) => tinyGgufTensor(name, shape.map(Number)));
    const model = openPlan({ ...tinyGguf, tensors });
    expect([model.scheme, model.rowName, model.documents.names]).toEqual([undefined, undefined, ['config.json']]);
    expect(model.config).toMatchObject({ dtype: 'F32', tieWordEmbeddings: true });
  });

  it('warns of keys that it does not know', () => {
    const model = openPlan(withKeys({ x: { key: 'llama.attention.new_thing', type: 'u32', value: 3 } }));
    expect(model.warnings).toEqual(['x.gguf: what these keys mean is not known: "llama.attention.new_thing"']);
  });

  it('notices that the file changes', () => {
    const path = join(temporaryFolder(), 'm.gguf');
    writeFileSync(path, buildGguf(tinyGguf));
    const model = open(path);
    model.checkUnchanged();
    appendFileSync(path, 'x');
    const read = (): unknown => tensorOf(model, 'lm_head.weight');
    expect(read).toThrow('no tensor');
    expect(errorOf(() => tensorOf(model, 'model.norm.weight').readFloats()).code).toBe('E_FILE_CHANGED');
    expect(errorOf(() => tensorOf(model, 'model.embed_tokens.weight').codes?.read()).code).toBe('E_FILE_CHANGED');
    expect(
      errorOf(() => {
        model.checkUnchanged();
      }).code,
    ).toBe('E_FILE_CHANGED');
  });

  it('closes the file whatever operation fails, and says what failed', () => {
    const path = join(temporaryFolder(), 'm.gguf');
    writeFileSync(path, buildGguf(tinyGguf));
    for (const fault of faults) {
      for (let at = 0, fired = true; fired; at++) {
        const fileSystem = faultyFileSystem(fault, at);
        const error = failureOf(() => openGguf(path, fileSystem));
        expect(error === undefined || error instanceof CiderError).toBe(true);
        expect(fileSystem.openFiles).toBe(0);
        fired = fileSystem.fired;
      }
    }
  });

  it.each(['llama', 'mistral', 'gemma3'])('reads or refuses %s with any bytes of its header changed', (name) => {
    const whole = new Uint8Array(readFileSync(join(folder, `${name}.gguf`)));
    const { dataStart } = parseGgufHeader({
      name: 'x.gguf',
      bytes: whole.byteLength,
      readAt: (into, offset) => {
        into.set(whole.subarray(offset, offset + into.byteLength));
        return into;
      },
    });
    const change = fc.tuple(fc.nat(dataStart - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const bytes = whole.slice();
        for (const [at, byte] of changes) bytes[at] = byte;
        const error = failureOf(() => openBytes(bytes));
        expect(error === undefined || error instanceof CiderError).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  const change = (key: string, value: GgufKey['value'] | undefined, type: GgufKey['type'] = 'u32'): GgufPlan =>
    withKeys({ [key]: value === undefined ? undefined : { key, type, value } });
  const without = (name: string): GgufPlan => ({
    ...tinyGguf,
    tensors: tinyGgufTensors.filter((tensor) => tensor.name !== name),
  });
  const replace = (name: string, ...by: GgufPlan['tensors']): GgufPlan => ({
    ...tinyGguf,
    tensors: [...without(name).tensors, ...by],
  });
  const factors = (...values: number[]): GgufPlan =>
    replace('', {
      name: 'rope_freqs.weight',
      shape: [values.length],
      type: 0,
      data: new Uint8Array(Float32Array.from(values).buffer),
    });

  it.each<[string, string, GgufPlan]>([
    [
      'E_GGUF_KEY',
      'general.architecture is "phi3"; known: llama, qwen2, qwen3, gemma2, gemma3',
      change('general.architecture', 'phi3', 'string'),
    ],
    ['E_GGUF_KEY_MISSING', 'the key "general.architecture" is missing', change('general.architecture', undefined)],
    ['E_GGUF_KEY', 'general.architecture is 7; expected a string', change('general.architecture', 7)],
    ['E_GGUF_KEY', 'general.type is "adapter"', change('general.type', 'adapter', 'string')],
    ['E_GGUF_KEY', 'split.count is 3; a model in several GGUF files is not read', change('split.count', 3, 'u16')],
    ['E_GGUF_KEY_MISSING', '"llama.block_count"', change('llama.block_count', undefined)],
    ['E_GGUF_KEY', 'llama.block_count is -1; expected an integer of 0 or more', change('llama.block_count', -1, 'i32')],
    ['E_GGUF_KEY', 'llama.feed_forward_length is a list', change('llama.feed_forward_length', [64, 32], 'array')],
    ['E_GGUF_CONFIG', 'num_hidden_layers is 4294967295', change('llama.block_count', 2 ** 32 - 1)],
    ['E_GGUF_CONFIG', 'hidden_size is 0', { ...change('llama.embedding_length', 0) }],
    ['E_GGUF_KEY', 'llama.attention.head_count is 3; embedding_length 32', change('llama.attention.head_count', 3)],
    ['E_GGUF_KEY', 'llama.attention.head_count is 0', change('llama.attention.head_count', 0)],
    ['E_GGUF_KEY', 'llama.attention.value_length is 4', change('llama.attention.value_length', 4)],
    ['E_GGUF_CONFIG', 'rms_norm_eps is 2', change('llama.attention.layer_norm_rms_epsilon', 2, 'f32')],
    [
      'E_GGUF_KEY',
      'epsilon is NaN; expected a finite number',
      change('llama.attention.layer_norm_rms_epsilon', NaN, 'f32'),
    ],
    ['E_GGUF_KEY', 'llama.rope.dimension_count is 4', change('llama.rope.dimension_count', 4)],
    [
      'E_GGUF_KEY',
      'llama.rope.scaling.type is "longrope"; known: none, linear, yarn',
      change('llama.rope.scaling.type', 'longrope', 'string'),
    ],
    ['E_GGUF_KEY', 'llama.expert_count is 8; only 0 is supported', change('llama.expert_count', 8)],
    ['E_GGUF_KEY', 'llama.logit_scale is 0.5', change('llama.logit_scale', 0.5, 'f32')],
    ['E_GGUF_KEY', 'llama.attention.causal is false', change('llama.attention.causal', false, 'bool')],
    [
      'E_GGUF_TENSOR_MISSING',
      '1 tensors of the model are missing: "blk.0.ffn_up.weight"',
      without('blk.0.ffn_up.weight'),
    ],
    [
      'E_GGUF_TENSOR_UNKNOWN',
      '"blk.0.ffn_gate_inp.weight"',
      replace('', tinyGgufTensor('blk.0.ffn_gate_inp.weight', [8, 32])),
    ],
    ['E_GGUF_TENSOR_UNKNOWN', '"blk.1.ffn_norm.weight"', replace('', tinyGgufTensor('blk.1.ffn_norm.weight', [32]))],
    [
      'E_GGUF_TENSOR_SHAPE',
      'has shape [32, 32]; expected [64, 32]',
      replace('blk.0.ffn_up.weight', tinyGgufTensor('blk.0.ffn_up.weight', [32, 32])),
    ],
    [
      'E_GGUF_TENSOR_TYPE',
      'tensor "blk.0.ffn_up.weight" is MXFP4, which is not read; known: F32, F16',
      replace('blk.0.ffn_up.weight', {
        name: 'blk.0.ffn_up.weight',
        shape: [64, 32],
        type: 39,
        data: new Uint8Array(64 * 17),
      }),
    ],
    [
      'E_GGUF_TENSOR_TYPE',
      'tensor "output_norm.weight" is Q8_0, which is not read for a vector',
      replace('output_norm.weight', tinyGgufTensor('output_norm.weight', [32], 'Q8_0')),
    ],
    [
      'E_GGUF_ROPE_FACTORS',
      'the 4 factors of rope_freqs.weight are not those of a llama3 scaling of theta 10000',
      factors(1, 2, 1, 8),
    ],
    ['E_GGUF_ROPE_FACTORS', 'the 3 factors', factors(1, 1, 8)],
    ['E_GGUF_ROPE_FACTORS', 'the 4 factors', factors(1, 1, 1, NaN)],
  ])('refuses with %s: %s', (code, message, plan) => {
    const found = errorOf(() => openPlan(plan));
    expect(found.message).toContain(message);
    expect(found.code).toBe(code);
  });
});
