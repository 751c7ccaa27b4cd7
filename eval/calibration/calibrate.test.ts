import { describe, expect, it } from 'vitest';
import type { Backend, WeightSource } from '../../kernels/backend.ts';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { stages, type Stage, type StageVisit, type StageVisitor } from '../../quant/methods/calibration.ts';
import type { FloatModel } from '../../quant/methods/float-model.ts';
import { runCalibration } from '../../testing/calibration-run.ts';
import { modelOf, randomModel, smallConfig } from '../../testing/random-model.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { watchedBackend } from '../../testing/watched-backend.ts';
import { loadFloatModel } from './load-float-model.ts';
import { sampleRows } from './sample-rows.ts';

/** Of different lengths, one a single token. */
const windows = [Int32Array.of(3, 14, 15, 9, 2, 6, 5), Int32Array.of(8), Int32Array.of(9, 7, 9, 3)];

/** The inputs of a stage in each window, from a forward pass of the whole model. */
type Captured = Map<string, Float32Array[]>;

const key = (layer: number, stage: Stage): string => `${layer} ${stage}`;

/** Which of the seven products of a layer, in their order, is the first one of each stage. */
const firstProduct: Partial<Record<number, Stage>> = {
  0: 'attentionInput',
  3: 'attentionOutput',
  4: 'mlpInput',
  6: 'mlpOutput',
};

/** Which stage's outputs are added to what the two norms of a layer read. */
const addedTo = ['attentionOutput', 'mlpOutput'] as const;
const streamKey = (layer: number, stage: Stage): string => `${key(layer, stage)}, stream`;

async function capture(model: FloatModel): Promise<Captured> {
  const captured: Captured = new Map();
  const inner = openReferenceBackend();
  let products = 0;
  let norms = 0;
  const backend: Backend = {
    ...inner,
    rmsNorm: (out, x, gain, options) => {
      // Norms of heads and of outputs work in place.
      if (out !== x) {
        const name = streamKey(Math.floor(norms / 2), addedTo[norms % 2]);
        captured.set(name, [...(captured.get(name) ?? []), inner.download(x)]);
        norms++;
      }
      inner.rmsNorm(out, x, gain, options);
    },
    linear: (out, x, weight, options) => {
      const stage = firstProduct[products % 7];
      if (stage) {
        const name = key(Math.floor(products / 7), stage);
        captured.set(name, [...(captured.get(name) ?? []), inner.download(x)]);
      }
      products++;
      return inner.linear(out, x, weight, options);
    },
  };
  const decoder = await loadFloatModel(model, backend);
  for (const window of windows) {
    products = norms = 0;
    await decoder.hiddenStates(window);
  }
  return captured;
}

/** Row by row, in f64. */
function sumOfProducts(
  ys: readonly Float32Array[],
  xs: readonly Float32Array[],
  columns: number,
  rows = columns,
): Float64Array {
  const sum = new Float64Array(rows * columns);
  xs.forEach((x, window) => {
    for (let token = 0; token < x.length / columns; token++) {
      for (let i = 0; i < rows; i++) {
        const y = ys[window][token * rows + i];
        for (let j = 0; j < columns; j++) sum[i * columns + j] += y * x[token * columns + j];
      }
    }
  });
  return sum;
}

/** @param tolerance by default for sums of f64 in another order */
function expectClose(actual: Float64Array | undefined, expected: Float64Array, tolerance = 1e-12): void {
  expect(actual).toHaveLength(expected.length);
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30);
  actual?.forEach((value, i) => {
    expect(Math.abs(value - expected[i])).toBeLessThan(tolerance * scale);
  });
}

function expectStatistics({ layer, stage, statistics, weights }: StageVisit, captured: Captured): void {
  const columns = weights[0].inFeatures;
  const xs = captured.get(key(layer, stage)) ?? [];
  const all = xs.flatMap((x) => Array.from(x));
  expect(statistics.tokens).toBe(12);
  expect(all).toHaveLength(12 * columns);
  const absmax = Array.from({ length: columns }, (_, k) =>
    Math.max(...all.filter((_, i) => i % columns === k).map(Math.abs)),
  );
  expect(Array.from(statistics.absmax)).toEqual(absmax);
  expectClose(statistics.hessian, sumOfProducts(xs, xs, columns));
}

const families: [string, Record<string, unknown>][] = [
  ['llama', {}],
  ['qwen2, with biases', { model_type: 'qwen2', tie_word_embeddings: true }],
  ['qwen3, with norms of heads', { model_type: 'qwen3' }],
  ['mistral, with a sliding window', { model_type: 'mistral', sliding_window: 3 }],
  ['gemma3, with norms of outputs', { model_type: 'gemma3_text', sliding_window: 2, sliding_window_pattern: 2 }],
];

const names = (layers: number): string[] =>
  Array.from({ length: layers }, (_, layer) => stages.map((stage) => key(layer, stage))).flat();

describe.each(families)('calibrate %s', (_, members) => {
  const model = randomModel(smallConfig(members), 7);

  it.each([true, false])('gathers what a forward pass meets (one stage at a time: %s)', async (replaces) => {
    const captured = await capture(model);
    const { visits } = await runCalibration({ model, windows, folder: temporaryFolder(), replaces });
    expect(visits.map(({ layer, stage }) => key(layer, stage))).toEqual(names(2));
    for (const visit of visits) expectStatistics(visit, captured);
  });

  it('gathers from stage to stage what the replaced weights give', async () => {
    const changed = changedModel(model);
    const [captured, floatCaptured] = [await capture(changed), await capture(model)];
    const run = { model, windows, folder: temporaryFolder(), needs: { cross: true }, visit: replaceBy(changed) };
    const { visits } = await runCalibration(run);
    expect(visits).toHaveLength(8);
    for (const visit of visits) {
      expectStatistics(visit, captured);
      const xs = captured.get(key(visit.layer, visit.stage)) ?? [];
      const floats = floatCaptured.get(key(visit.layer, visit.stage)) ?? [];
      const differences = xs.map((x, window) => x.map((value, i) => floats[window][i] - value));
      const { cross, residual } = visit.statistics;
      const streams = captured.get(streamKey(visit.layer, visit.stage));
      const columns = visit.weights[0].inFeatures;
      const products = sumOfProducts(differences, xs, columns);
      if (streams === undefined || model.config.outputNorms) {
        expect(residual).toBeUndefined();
        expectClose(cross, products);
        const isFirst = visit.layer === 0 && visit.stage === 'attentionInput';
        expect(cross?.every((value) => value === 0)).toBe(isFirst);
      } else {
        expect(cross).toBeUndefined();
        const floatStreams = floatCaptured.get(streamKey(visit.layer, visit.stage)) ?? [];
        const lost = streams.map((r, window) => r.map((value, i) => floatStreams[window][i] - value));
        const { hiddenSize } = model.config;
        const expected = sumOfProducts(lost, xs, columns, hiddenSize);
        const weight = visit.weights[0].values;
        for (let n = 0; n < hiddenSize; n++) {
          for (let k = 0; k < columns; k++) {
            for (let j = 0; j < columns; j++) {
              expected[n * columns + k] += weight[n * columns + j] * products[j * columns + k];
            }
          }
        }
        // Differences of streams are rounded to f32.
        expectClose(residual, expected, 1e-6);
      }
    }
  });
});

/** The same model with other weights in all linear layers, and the same biases and norms. */
function changedModel(model: FloatModel): FloatModel {
  return {
    config: model.config,
    read: async (name) => {
      const values = await model.read(name);
      return name.endsWith('_proj.weight') ? values.map((value, i) => (i % 3 === 0 ? 0.75 * value : value)) : values;
    },
  };
}

const replaceBy =
  (other: FloatModel): StageVisitor =>
  ({ weights }) =>
    Promise.all(
      weights.map(async ({ module, outFeatures, inFeatures, bias }): Promise<WeightSource> => {
        const data = await other.read(`${module}.weight`);
        return { kind: 'dense', dtype: 'F32', outFeatures, inFeatures, data, bias };
      }),
    );

describe('calibrate', () => {
  const model = randomModel(smallConfig({ model_type: 'qwen2' }), 3);

  it('shows the weights of each stage, with their biases, and reads each tensor once', async () => {
    const read: string[] = [];
    const watched: FloatModel = {
      config: model.config,
      read: (name) => {
        read.push(name);
        return model.read(name);
      },
    };
    for (const replaces of [true, false]) {
      read.length = 0;
      const { visits } = await runCalibration({ model: watched, windows, folder: temporaryFolder(), replaces });
      expect(new Set(read).size).toBe(read.length);
      expect(visits[4].weights.map(({ module }) => module)).toEqual([
        'model.layers.1.self_attn.q_proj',
        'model.layers.1.self_attn.k_proj',
        'model.layers.1.self_attn.v_proj',
      ]);
      for (const { weights } of visits) {
        for (const { module, outFeatures, inFeatures, values, bias } of weights) {
          expect(values).toEqual(await model.read(`${module}.weight`));
          expect(values).toHaveLength(outFeatures * inFeatures);
          if (/[qkv]_proj/.test(module)) expect(bias).toEqual(await model.read(`${module}.bias`));
          else expect(bias).toBeUndefined();
        }
      }
    }
  });

  it('quantizes activations of a window of one token as of any other', async () => {
    const single = [Int32Array.of(3)];
    const replaced = { kind: 'integer', bits: 8, groupSize: 0 } as const;
    const visit: StageVisitor = ({ weights }) =>
      Promise.resolve(
        weights.map(({ outFeatures, inFeatures, values, bias }) => {
          const codes = Int8Array.from(values, (value) => Math.round(value * 60));
          return {
            ...replaced,
            outFeatures,
            inFeatures,
            codes,
            scales: new Float32Array(outFeatures).fill(1 / 60),
            bias,
          };
        }),
      );
    const alone = await runCalibration({ model, windows: single, folder: temporaryFolder(), visit });
    const twice = await runCalibration({ model, windows: [Int32Array.of(3, 3)], folder: temporaryFolder(), visit });
    // Two equal tokens attend to equal values, and differ only by the rounding of a mean.
    const [one, two] = [alone, twice].map(({ visits }) => visits[6].statistics.absmax);
    one.forEach((value, k) => {
      expect(two[k]).toBeCloseTo(value, 4);
    });
  });

  it('keeps some rows of the inputs', async () => {
    const captured = await capture(model);
    for (const replaces of [true, false]) {
      const needs = { hessian: false, inputRows: 5 };
      const { visits } = await runCalibration({ model, windows, folder: temporaryFolder(), needs, replaces });
      for (const { layer, stage, statistics, weights } of visits) {
        const columns = weights[0].inFeatures;
        const all = (captured.get(key(layer, stage)) ?? []).flatMap((x) => Array.from(x));
        const rows = Array.from({ length: 12 }, (_, row) => all.slice(row * columns, (row + 1) * columns));
        expect(statistics.hessian).toBeUndefined();
        const expected = sampleRows(12, 5).flatMap((row) => rows[row]);
        expect(Array.from(statistics.inputs ?? [])).toEqual(expected);
      }
    }
  });

  it('counts windows up to the total', async () => {
    for (const replaces of [true, false]) {
      const seen: number[] = [];
      const totals = new Set<number>();
      const onProgress = (done: number, total: number): void => {
        seen.push(done);
        totals.add(total);
      };
      await runCalibration({ model, windows, folder: temporaryFolder(), replaces, onProgress });
      const total = replaces ? 3 * (1 + 2 * 5) : 3 * (1 + 2);
      expect(seen).toEqual(Array.from({ length: total }, (_, i) => i + 1));
      expect([...totals]).toEqual([total]);
    }
  });

  it('refuses weights where it was told that there would be none', async () => {
    const visit = replaceBy(model);
    const run = { model, windows, folder: temporaryFolder(), visit, replaces: false };
    await expect(runCalibration(run)).rejects.toThrow(RangeError);
    const needs = { cross: true };
    await expect(runCalibration({ ...run, folder: temporaryFolder(), needs })).rejects.toThrow(RangeError);
  });

  it('gives back all memory of the backend, also after an error', async () => {
    const { backend, held } = watchedBackend();
    await runCalibration({ model, windows, folder: temporaryFolder(), backend, visit: replaceBy(model) });
    expect(held.size).toBe(0);
    const visit: StageVisitor = ({ layer, stage }) =>
      layer === 1 && stage === 'mlpInput' ? Promise.reject(new Error('stop')) : Promise.resolve(undefined);
    const needs = { cross: true };
    const failing = runCalibration({ model, windows, folder: temporaryFolder(), backend, visit, needs });
    await expect(failing).rejects.toThrow('stop');
    expect(held.size).toBe(0);
  });
});

describe('activations that are not finite', () => {
  const config = smallConfig();
  const { hiddenSize } = config;

  /** A model whose embedding of token 5 is so large that its square overflows. */
  async function overflowing(): Promise<FloatModel> {
    const model = randomModel(config, 3);
    const names = ['model.embed_tokens.weight', 'model.norm.weight', 'lm_head.weight'];
    const tensors = new Map<string, Float32Array>();
    for (let layer = 0; layer < 2; layer++) {
      for (const name of ['input_layernorm', 'post_attention_layernorm'])
        names.push(`model.layers.${layer}.${name}.weight`);
      for (const name of ['q', 'k', 'v', 'o']) names.push(`model.layers.${layer}.self_attn.${name}_proj.weight`);
      for (const name of ['gate', 'up', 'down']) names.push(`model.layers.${layer}.mlp.${name}_proj.weight`);
    }
    for (const name of names) tensors.set(name, await model.read(name));
    tensors.get('model.layers.1.mlp.up_proj.weight')?.fill(3e38, 0, hiddenSize);
    return modelOf(config, tensors);
  }

  it.each([true, false])('stop the run with their place (one stage at a time: %s)', async (replaces) => {
    const model = await overflowing();
    const run = runCalibration({ model, windows, folder: temporaryFolder(), replaces });
    await expect(run).rejects.toMatchObject({
      code: 'E_NON_FINITE_ACTIVATION',
      message: expect.stringMatching(
        /^layer 1: the input of down_proj is (NaN|-?Infinity) at token 0 of calibration window 0$/,
      ) as unknown,
      details: expect.objectContaining({ layer: 1, stage: 'mlpOutput', window: 0, token: 0, channel: 0 }) as unknown,
    });
  });
});
