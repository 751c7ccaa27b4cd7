import { afterAll, describe, expect, it } from 'vitest';
import { packagePath } from '../../commands/package-path.ts';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { openModel } from '../../quant/checkpoint/open-model.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { tinyConfig, writeTinyCheckpoint } from '../../testing/tiny-checkpoint.ts';
import { parseConfiguration } from '../model/configurations.ts';
import { loadModel } from '../model/load.ts';
import type { DecoderModel } from '../model/model.ts';
import type { Window } from '../perplexity/protocol.ts';
import { measureLayerErrors, outputKinds, type LayerError, type ObservedModel } from './layer-errors.ts';
import { OutputErrorAccumulator } from './output-error.ts';

const backend = openReferenceBackend();
const opened: { close: () => void }[] = [];

afterAll(() => {
  for (const each of opened) each.close();
  backend.close();
});

async function load(folder: string, configuration = 'fp16'): Promise<DecoderModel> {
  const stored = openModel(folder);
  const model = await loadModel(stored, backend, parseConfiguration(configuration));
  opened.push(model, stored);
  return model;
}

const windowOf = (...tokenIds: number[]): Window => ({
  tokenIds: Int32Array.from(tokenIds),
  firstTarget: 1,
  weight: 1,
  units: tokenIds.length - 1,
});
const windows = [windowOf(5, 17, 3, 30, 11, 8), windowOf(2, 39, 1, 4)];

function measure(first: ObservedModel, other: ObservedModel, signal = new AbortController().signal) {
  let done = 0;
  const onWindow = (): void => {
    done++;
  };
  const measured = measureLayerErrors({ first, other, windows, backend }, { signal, onWindow });
  return measured.then((errors) => ({ errors, done }));
}

/** Everything that a model computes, by layer and kind. */
async function outputsOf(model: DecoderModel, { tokenIds }: Window): Promise<Map<string, Float32Array>> {
  const outputs = new Map<string, Float32Array>();
  for await (const { layer, kind, values } of model.layerOutputs(tokenIds.subarray(0, -1))) {
    outputs.set(`${layer} ${kind}`, backend.download(values));
  }
  return outputs;
}

const { hidden_size: width } = tinyConfig as { hidden_size: number };

/** A tiny checkpoint whose residual stream has its channels in another order; its logits are the same. */
function writePermuted(folder: string, order: readonly number[]): void {
  writeTinyCheckpoint(folder, tinyConfig, (name, values) => {
    // Heads have channels of their own.
    if (/[qk]_norm/.test(name)) return;
    const original = values.slice();
    const isOutput = /norm|o_proj|down_proj/.test(name);
    // Channels are rows of what makes the stream, columns of what reads it.
    const [rows, columns] = isOutput ? [1, values.length / width] : [values.length / width, 1];
    for (let row = 0; row < rows; row++) {
      for (const [to, from] of order.entries()) {
        const channel = original.subarray(row * width + from * columns, row * width + (from + 1) * columns);
        values.set(channel, row * width + to * columns);
      }
    }
  });
}

describe('measureLayerErrors', () => {
  it('compares what each layer computes, over all windows', async () => {
    const folder = packagePath('fixtures/tiny-qwen3');
    const [float, quantized] = [await load(folder), await load(folder, 'w8a8')];
    const { errors, done } = await measure({ model: float }, { model: quantized });
    expect(done).toBe(2);
    expect(errors).toHaveLength(3);
    const outputs: Map<string, Float32Array>[][] = [];
    for (const window of windows) outputs.push([await outputsOf(float, window), await outputsOf(quantized, window)]);
    for (const [layer, error] of (errors ?? []).entries()) {
      for (const kind of outputKinds) {
        const expected = new OutputErrorAccumulator();
        for (const pair of outputs) {
          const [x, y] = pair.map((all) => all.get(`${layer} ${kind}`) ?? new Float32Array());
          expected.add(x, y, float.config.hiddenSize);
        }
        expect(error[kind]).toEqual(expected.result());
        expect(error[kind].median).toBeGreaterThan(0);
        expect(error[kind].median).toBeLessThan(60);
      }
    }
  });

  it('finds no error between equal models', async () => {
    const folder = packagePath('fixtures/tiny-qwen3');
    const { errors } = await measure({ model: await load(folder) }, { model: await load(folder) });
    const exact: LayerError['hidden'] = { median: Infinity, total: Infinity };
    expect(errors).toEqual([1, 2, 3].map(() => ({ hidden: exact, attention: exact, mlp: exact })));
  });

  it('says nothing of another basis, unless it is told the way back', async () => {
    const [folder, permuted] = [temporaryFolder(), temporaryFolder()];
    const order = Array.from({ length: width }, (_, channel) => (channel * 27 + 5) % width);
    writeTinyCheckpoint(folder);
    writePermuted(permuted, order);
    const first = { model: await load(folder) };
    const model = await load(permuted);
    expect(await measure(first, { model })).toEqual({ errors: undefined, done: 0 });
    const toOriginalBasis = (hidden: Float32Array): Promise<Float32Array> => {
      const original = new Float32Array(hidden.length);
      for (let row = 0; row < hidden.length; row += width) {
        for (const [to, from] of order.entries()) original[row + from] = hidden[row + to];
      }
      return Promise.resolve(original);
    };
    const other = { model, toOriginalBasis };
    for (const { errors } of [await measure(first, other), await measure(other, first)]) {
      expect(errors).toHaveLength(2);
      // Sums are in another order.
      for (const { hidden } of errors ?? []) expect(hidden.median).toBeGreaterThan(100);
    }
  });

  it('can be used again after a pass that was cut short', async () => {
    const folder = packagePath('fixtures/tiny-qwen3');
    const model = await load(folder);
    const failing = { model: await load(folder), toOriginalBasis: () => Promise.reject(new Error('no way back')) };
    await expect(measure({ model }, failing)).rejects.toThrow('no way back');
    const aborted = AbortSignal.abort(new Error('enough'));
    await expect(measure({ model }, { model: failing.model }, aborted)).rejects.toThrow('enough');
    expect((await measure({ model }, { model: failing.model })).done).toBe(2);
  });
});
