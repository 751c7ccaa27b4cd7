import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNativeBackend } from '../kernels/native/backend.ts';
import { openReferenceBackend } from '../kernels/reference/backend.ts';
import { openModel } from '../quant/checkpoint/open-model.ts';
import { nativeLibraryForTests } from '../testing/native-library.ts';
import { evaluate, type EvaluationRequest } from './evaluate.ts';
import { evaluationRows, type EvaluationRow } from './evaluation-row.ts';
import { parseConfiguration } from './model/configurations.ts';
import { loadModel } from './model/load.ts';
import { loadTokenizer } from './model/tokenizer.ts';
import { prepareText } from './perplexity/prepare-text.ts';
import { textEncoder } from './perplexity/text-encoder.ts';
import type { WindowResult } from './perplexity/window-result.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url));
const library = nativeLibraryForTests();
const backend = library ? openNativeBackend(library) : openReferenceBackend();
const stored = openModel(fixture('tiny-qwen3'));
const { config, documents } = stored;
let request: EvaluationRequest;

beforeAll(async () => {
  const tokenizer = loadTokenizer(documents, { vocabSize: config.vocabSize });
  const source = { text: readFileSync(fixture('heldout.txt'), 'utf8').slice(0, 2000), sha256: '' };
  const text = await prepareText(source, textEncoder(documents, tokenizer), {
    name: 'stride',
    ctx: 48,
    stride: 32,
    samples: 4,
  });
  const configurations = ['fp16', 'w8a8', 'w4a8'].map(parseConfiguration);
  request = { model: stored, configurations, text, divergence: true };
});

afterAll(() => {
  stored.close();
  backend.close();
});

/** A run, up to `windows` of them. */
async function run(
  change: Partial<EvaluationRequest> = {},
  windows = Infinity,
): Promise<[EvaluationRow[], WindowResult[]]> {
  const controller = new AbortController();
  const results: WindowResult[] = [];
  const onWindow = (result: WindowResult): void => {
    results.push(result);
    if (results.length >= windows) controller.abort(new Error('enough'));
  };
  const rows = await evaluate({ ...request, ...change }, backend, { signal: controller.signal, onWindow }).catch(
    (error: unknown) => {
      if (windows === Infinity) throw error;
      return [];
    },
  );
  return [rows, results];
}

/** What does not depend on the machine and the moment. */
const values = (rows: readonly EvaluationRow[]) =>
  rows.map((row) => ({ ...row, seconds: 0, tokensPerSecond: 0, peakMemoryBytes: 0 }));

describe('evaluate', () => {
  it('gives the same bits if it was interrupted anywhere', async () => {
    const [whole, results] = await run();
    expect(results).toHaveLength(12);
    for (const windows of [1, 4, 6, 11]) {
      const [, earlier] = await run({}, windows);
      expect(earlier).toHaveLength(windows);
      const [resumed, rest] = await run({ earlier });
      expect(rest).toHaveLength(12 - windows);
      expect(values(resumed)).toEqual(values(whole));
    }
    const [again, none] = await run({ earlier: results });
    expect(none).toEqual([]);
    expect(again).toEqual(whole);
  });

  it('gives the same perplexities with divergences and without', async () => {
    const [compared] = await run();
    const [plain] = await run({ divergence: false });
    expect(values(compared)).toMatchObject(values(plain));
    expect(plain[1]).not.toHaveProperty('divergence');
  });

  it('compares rows with the first one', async () => {
    const [[float, w8a8, w4a8]] = await run();
    expect(float).toMatchObject({ config: 'fp16', deltaPercent: 0, windows: 4 });
    expect(float).not.toHaveProperty('comparison');
    expect(float).not.toHaveProperty('divergence');
    for (const { comparison, divergence, perplexity, deltaPercent } of [w8a8, w4a8]) {
      expect(comparison?.logRatio).toBeCloseTo(Math.log(perplexity / float.perplexity), 9);
      expect(deltaPercent).toBeCloseTo(100 * (perplexity / float.perplexity - 1), 9);
      expect(divergence?.median).toBeLessThan(divergence?.percentile99 ?? 0);
    }
    expect(w8a8.divergence?.mean).toBeGreaterThan(0);
    expect(w4a8.divergence?.mean).toBeGreaterThan(w8a8.divergence?.mean ?? 0);
    expect(w4a8.divergence?.topAgreement).toBeLessThan(w8a8.divergence?.topAgreement ?? 0);
    // Far less than the perplexities' own.
    expect(w8a8.comparison?.standardError).toBeLessThan(0.2 * (w8a8.standardError / w8a8.perplexity));
  });

  it('says what is known of an interrupted run', async () => {
    const [, results] = await run({}, 6);
    const [float, partial, ...others] = evaluationRows(request.text, results);
    expect(others).toEqual([]);
    expect(float.windows).toBe(4);
    expect(partial.windows).toBe(2);
    const [shortFloat, short] = evaluationRows(
      request.text,
      results.filter(({ window }) => window < 2),
    );
    expect(values([partial])).toEqual(values([short]));
    expect(partial.comparison?.logRatio).toBeCloseTo(Math.log(short.perplexity / shortFloat.perplexity), 9);
  });

  it('has the divergences of the logits', async () => {
    const [, results] = await run({ configurations: request.configurations.slice(0, 2) });
    const result = results[request.text.windows.length + 1];
    const { tokenIds, firstTarget } = request.text.windows[1];
    const fed = tokenIds.subarray(0, -1);
    const logitsOf = async (name: string): Promise<Float32Array> => {
      const model = await loadModel(stored, backend, parseConfiguration(name));
      const logits = await model.logits(fed);
      model.close();
      return logits;
    };
    const [base, model] = [await logitsOf('fp16'), await logitsOf('w8a8')];
    const distribution = (logits: Float32Array, row: number): number[] => {
      const own = Array.from(logits.subarray(row * config.vocabSize, (row + 1) * config.vocabSize), Math.exp);
      const sum = own.reduce((total, value) => total + value, 0);
      return own.map((value) => value / sum);
    };
    expect(result.divergence?.divergences).toHaveLength(tokenIds.length - firstTarget);
    result.divergence?.divergences.forEach((actual, i) => {
      const [p, q] = [base, model].map((logits) => distribution(logits, firstTarget - 1 + i));
      const expected = p.reduce((sum, value, v) => sum + value * Math.log(value / q[v]), 0);
      expect(actual).toBeCloseTo(expected, 5);
    });
  });

  it('estimates the perplexity after each window, and counts the tokens that are fed', async () => {
    const estimates: number[] = [];
    const [row] = await evaluate({ ...request, configurations: request.configurations.slice(0, 1) }, backend, {
      signal: new AbortController().signal,
      onWindow: (_, perplexity) => estimates.push(perplexity),
    });
    expect(estimates).toHaveLength(4);
    expect(estimates.at(-1)).toBe(row.perplexity);
    expect(row.tokensPerSecond).toBeCloseTo((4 * 47) / row.seconds, 6);
    expect(row.peakMemoryBytes).toBeGreaterThan(row.modelBytes);
  });
});
