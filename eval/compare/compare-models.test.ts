import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packagePath } from '../../commands/package-path.ts';
import { openNativeBackend } from '../../kernels/native/backend.ts';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { openModel } from '../../quant/checkpoint/open-model.ts';
import { nativeLibraryForTests } from '../../testing/native-library.ts';
import { evaluate } from '../evaluate.ts';
import type { EvaluationRow } from '../evaluation-row.ts';
import { parseConfiguration } from '../model/configurations.ts';
import { loadModel } from '../model/load.ts';
import { loadTokenizer } from '../model/tokenizer.ts';
import { concatenate } from '../perplexity/concatenate.ts';
import { spansOf } from '../perplexity/loss-spans.ts';
import { prepareText } from '../perplexity/prepare-text.ts';
import type { PreparedText } from '../perplexity/protocol.ts';
import { textEncoder } from '../perplexity/text-encoder.ts';
import { compareModels, type Compared, type ComparedModel, type ComparisonRow } from './compare-models.ts';

const library = nativeLibraryForTests();
const backend = library ? openNativeBackend(library) : openReferenceBackend();
const stored = openModel(packagePath('fixtures/tiny-qwen3'));
const { config, documents } = stored;
const names = ['fp16', 'w8a8', 'w4a8'];
let text: PreparedText;
/** What eval-ppl gives. */
let evaluated: EvaluationRow[];
const losses = new Map<string, Float32Array[]>();
const signal = new AbortController().signal;

beforeAll(async () => {
  const tokenizer = loadTokenizer(documents, { vocabSize: config.vocabSize });
  const source = { text: readFileSync(packagePath('fixtures/heldout.txt'), 'utf8').slice(0, 1000), sha256: '' };
  const options = { name: 'stride', ctx: 24, stride: 16, samples: 3 } as const;
  text = await prepareText(source, textEncoder(documents, tokenizer), options);
  const request = { model: stored, configurations: names.map(parseConfiguration), text, divergence: true };
  evaluated = await evaluate(request, backend, {
    signal,
    onWindow: (result) => losses.set(result.config, [...(losses.get(result.config) ?? []), result.losses]),
  });
});

afterAll(() => {
  stored.close();
  backend.close();
});

const model = (name: string): ComparedModel => ({
  name,
  load: () => loadModel(stored, backend, parseConfiguration(name)),
});
const result = (name: string): Compared => ({ name: `${name} saved`, losses: concatenate(losses.get(name) ?? []) });

async function run(compared: readonly Compared[], layerWindows = 2): Promise<[ComparisonRow[], string[]]> {
  const said: string[] = [];
  const rows = await compareModels(
    { compared, spans: spansOf(text.windows), run: { backend, text, layerWindows } },
    {
      signal,
      onWindow: ({ config: name, window }) => said.push(`${name} ${window}`),
      onLayerWindow: (name) => said.push(`${name} layers`),
      onOtherBasis: (name) => said.push(`${name} has another basis`),
    },
  );
  return [rows, said];
}

/** What a row has of figures that do not depend on the moment. */
const figures = ({
  perplexity,
  standardError,
  deltaPercent,
  comparison,
  divergence,
}: ComparisonRow | EvaluationRow) => ({
  perplexity,
  standardError,
  deltaPercent,
  comparison,
  divergence,
});

describe('compareModels', () => {
  it('has the figures of eval-ppl, and errors by layer', async () => {
    const [rows, said] = await run(names.map(model));
    expect(rows.map(({ name }) => name)).toEqual(names);
    expect(rows.map(figures)).toEqual(evaluated.map(figures));
    expect(rows.map(({ modelBytes }) => modelBytes)).toEqual(evaluated.map(({ modelBytes }) => modelBytes));
    expect(rows.map(({ layers }) => layers?.length)).toEqual([undefined, 3, 3]);
    const [, w8a8, w4a8] = rows.map(({ layers }) => layers?.at(-1)?.hidden.median ?? NaN);
    expect(w8a8).toBeGreaterThan(w4a8);
    const windows = (name: string): string[] => [0, 1, 2].map((window) => `${name} ${window}`);
    const layered = (name: string): string[] => [...windows(name), `${name} layers`, `${name} layers`];
    expect(said).toEqual([...windows('fp16'), ...layered('w8a8'), ...layered('w4a8')]);
  });

  it('compares models and results with either', async () => {
    const [w8a8] = [evaluated[1]];
    const [withModel, said] = await run([model('fp16'), result('w8a8'), model('w8a8')], 0);
    for (const row of withModel.slice(1)) expect(row).toMatchObject({ comparison: w8a8.comparison });
    expect(withModel[1]).not.toHaveProperty('modelBytes');
    expect(withModel[2]).toMatchObject({ divergence: w8a8.divergence, modelBytes: w8a8.modelBytes, layers: undefined });
    expect(said).toHaveLength(6);

    const [withResult] = await run([result('fp16'), model('w8a8'), result('w4a8')]);
    expect(withResult[1]).toMatchObject({ comparison: w8a8.comparison, divergence: undefined, layers: undefined });
    expect(withResult[2]).toMatchObject({ comparison: evaluated[2].comparison });
    expect(withResult[0]).toEqual({
      name: 'fp16 saved',
      perplexity: evaluated[0].perplexity,
      standardError: evaluated[0].standardError,
      deltaPercent: 0,
    });
  });

  it('goes on without layers where the basis is another one', async () => {
    const negated = (hidden: Float32Array): Promise<Float32Array> => Promise.resolve(hidden.map((value) => -value));
    const [rows, said] = await run([model('fp16'), { ...model('w8a8'), toOriginalBasis: negated }]);
    expect(said.at(-1)).toBe('w8a8 has another basis');
    expect(rows[1]).toMatchObject({ divergence: evaluated[1].divergence, layers: undefined });
    const [both] = await run([model('fp16'), model('w8a8')].map((each) => ({ ...each, toOriginalBasis: negated })));
    expect(both[1].layers).toHaveLength(3);
  });
});
