import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packagePath } from '../../commands/package-path.ts';
import type { Backend } from '../../kernels/backend.ts';
import { openNativeBackend } from '../../kernels/native/backend.ts';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { openModel } from '../../quant/checkpoint/open-model.ts';
import { nativeLibraryForTests } from '../../testing/native-library.ts';
import { parseConfiguration } from '../model/configurations.ts';
import { loadModel } from '../model/load.ts';
import type { DecoderModel } from '../model/model.ts';
import { loadTokenizer } from '../model/tokenizer.ts';
import { readChatTemplate } from './chat-template.ts';
import { generate, type Generation, type GenerationRequest } from './generate.ts';
import { preparePrompt } from './prompt.ts';
import { readStopTokens } from './stop-tokens.ts';

interface Golden {
  kind: 'raw' | 'chat';
  prompt: string;
  promptIds: number[];
  newIds: number[];
  text: string;
}

const folder = packagePath('fixtures/tiny-qwen3');
const stored = openModel(folder);
const { config, documents } = stored;
const stopTokens = readStopTokens(documents, config);
stored.close();
/** By transformers in float32: fixtures/generation/make_greedy.py. */
const golden = JSON.parse(readFileSync(packagePath('fixtures/generation/greedy.json'), 'utf8')) as Golden[];

async function load(backend: Backend, configuration = 'fp16'): Promise<DecoderModel> {
  const model = openModel(folder);
  try {
    return await loadModel(model, backend, parseConfiguration(configuration));
  } finally {
    model.close();
  }
}

const write = (model: DecoderModel, request: Partial<GenerationRequest>, signal?: AbortSignal): Promise<Generation> =>
  generate(
    model,
    {
      tokenIds: Int32Array.from(golden[0].promptIds),
      maxTokens: 16,
      stopTokens,
      sampling: { temperature: 0, seed: 0 },
      decode: 'w8a16',
      ...request,
    },
    { signal: signal ?? new AbortController().signal, onToken: () => undefined },
  );

/** The same until a stop token, which transformers counts. */
function expectGolden({ tokenIds, stopToken, finishReason }: Generation, expected: readonly number[]): void {
  expect(stopToken === null ? tokenIds : [...tokenIds, stopToken]).toEqual(expected);
  expect(finishReason).toBe(stopTokens.has(expected.at(-1) ?? -1) ? 'stop' : 'length');
}

const native = nativeLibraryForTests();

describe.skipIf(!native)('generate on the native backend', () => {
  it.each(golden)('writes what transformers writes after $kind $prompt', async ({ promptIds, newIds }) => {
    if (!native) return;
    const backend = openNativeBackend(native);
    const model = await load(backend);
    const generation = await write(model, { tokenIds: Int32Array.from(promptIds), maxTokens: 128 });
    expectGolden(generation, newIds);
    backend.close();
  });
});

describe('generate', () => {
  const backend = openReferenceBackend();
  let model: DecoderModel;
  beforeAll(async () => {
    model = await load(backend);
  });
  afterAll(() => {
    backend.close();
  });

  it.each(golden)('writes what transformers writes after $kind $prompt', async ({ promptIds, newIds }) => {
    const generation = await write(model, { tokenIds: Int32Array.from(promptIds) });
    expectGolden(generation, newIds.slice(0, 16));
  });

  it('reads the prompts and decodes the texts that transformers does', async () => {
    const tokenizer = loadTokenizer(documents, { vocabSize: config.vocabSize });
    const template = readChatTemplate(documents);
    for (const { kind, prompt: text, promptIds, newIds, text: expected } of golden) {
      const chat = kind === 'chat';
      const prompt = await preparePrompt(tokenizer, { text, system: undefined, template: chat ? template : undefined });
      expect(Array.from(prompt.tokenIds)).toEqual(promptIds);
      expect(prompt.turnEnd).toBe(chat ? 1535 : undefined);
      expect(tokenizer.decode(newIds, { skipSpecialTokens: true })).toBe(expected);
    }
  });

  it('repeats itself with a seed, and writes something else with another', async () => {
    const sampled = async (seed: number): Promise<readonly number[]> => {
      const sampling = { temperature: 1.5, topP: 0.95, topK: 50, seed };
      return (await write(model, { sampling })).tokenIds;
    };
    const first = await sampled(7);
    expect(await sampled(7)).toEqual(first);
    expect(await sampled(8)).not.toEqual(first);
  });

  it('takes the likeliest token when there is only one to choose from', async () => {
    const { newIds } = golden[0];
    for (const sampling of [
      { temperature: 5, topK: 1, seed: 3 },
      { temperature: 0.001, seed: 3 },
      { temperature: 1, topP: 1e-9, seed: 3 },
    ]) {
      expect((await write(model, { sampling })).tokenIds).toEqual(newIds.slice(0, 16));
    }
  });

  it('ends at a stop token, and leaves it out', async () => {
    const { newIds } = golden[0];
    const at = newIds.findIndex((id, index) => index > 2 && !newIds.slice(0, index).includes(id));
    const generation = await write(model, { stopTokens: new Set([newIds[at]]) });
    expect(generation).toMatchObject({ finishReason: 'stop', stopToken: newIds[at] });
    expect(generation.tokenIds).toEqual(newIds.slice(0, at));
  });

  it('writes the same after a long prompt, read in pieces, as after one pass', async () => {
    const tokenIds = Int32Array.from({ length: 513 }, (_, index) => golden[index % 5].newIds[index % 100] % 1533);
    const sequence = model.startSequence(tokenIds.length);
    const logits = await sequence.prefill(tokenIds);
    sequence.close();
    const { tokenIds: written } = await write(model, { tokenIds, maxTokens: 1, stopTokens: new Set() });
    expect(written).toEqual([logits.indexOf(Math.max(...logits))]);
  });

  it('quantizes activations in decoding when it is told to', async () => {
    const quantized = await load(backend, 'w4a8');
    const [float, integer] = [
      await write(quantized, { decode: 'w8a16', maxTokens: 48 }),
      await write(quantized, { decode: 'w8a8', maxTokens: 48 }),
    ];
    expect(integer.tokenIds).not.toEqual(float.tokenIds);
    expect(integer.tokenIds[0]).toBe(float.tokenIds[0]);
    quantized.close();
  });

  it('keeps what it has when it is interrupted', async () => {
    const controller = new AbortController();
    const tokens: number[] = [];
    const generation = await generate(
      model,
      {
        tokenIds: Int32Array.from(golden[0].promptIds),
        maxTokens: 16,
        stopTokens,
        sampling: { temperature: 0, seed: 0 },
        decode: 'w8a16',
      },
      {
        signal: controller.signal,
        onToken: (id) => {
          if (tokens.push(id) === 3) controller.abort();
        },
      },
    );
    expect(generation.finishReason).toBe('interrupted');
    expect(generation.tokenIds).toEqual(golden[0].newIds.slice(0, 3));
    expect(tokens).toEqual(generation.tokenIds);
    const none = await write(model, {}, AbortSignal.abort());
    expect(none).toMatchObject({
      finishReason: 'interrupted',
      tokenIds: [],
      timings: { prefillTokensPerSecond: null },
    });
  });

  it('times prefill and decoding apart', async () => {
    const { timings } = await write(model, { maxTokens: 5 });
    expect(timings.prefillTokensPerSecond).toBeCloseTo(golden[0].promptIds.length / timings.prefillSeconds, 6);
    expect(timings.decodeTokensPerSecond).toBeCloseTo(4 / timings.decodeSeconds, 6);
    const single = await write(model, { maxTokens: 1 });
    expect(single.timings).toMatchObject({ decodeSeconds: 0, decodeTokensPerSecond: null });
  });
});
