import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { openNativeBackend } from '../../kernels/native/backend.ts';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { openModel } from '../../quant/checkpoint/open-model.ts';
import { nativeLibraryForTests } from '../../testing/native-library.ts';
import { evaluate } from '../evaluate.ts';
import type { EvaluationRow } from '../evaluation-row.ts';
import { parseConfiguration } from '../model/configurations.ts';
import { Tokenizer } from '../model/tokenizer.ts';
import { prepareText, type ProtocolOptions } from './prepare-text.ts';
import type { Protocol, WordProtocol } from './protocol.ts';
import { textEncoder } from './text-encoder.ts';

/** What fixtures/protocols/make_golden.py writes. */
interface Golden {
  model: string;
  bosToken: string;
  /** What makes the tokenizer put a BOS before a text. */
  postProcessor: object;
  cases: {
    text: string;
    /** So many of the text. */
    characters?: number;
    bos: boolean;
    options: { [Name in keyof ProtocolOptions]-?: ProtocolOptions[Name] | null };
    row: Partial<Record<keyof typeof tolerances, number>> &
      Partial<Record<Exclude<keyof WordProtocol, 'name' | 'bos' | 'textSha256'>, number>>;
  }[];
}

/**
 * Both sides compute logits in f32, which are some 1e-6 from the same in f64. A token that is scored too much or too
 * little moves a perplexity by 1e-4 or more.
 */
const tolerances = { perplexity: 1e-5, standardError: 1e-5, bytePerplexity: 1e-5, bitsPerByte: 1e-5 };

const folder = (name: string): string => fileURLToPath(new URL(`../../../fixtures/${name}`, import.meta.url));
const golden = JSON.parse(readFileSync(folder('protocols/golden.json'), 'utf8')) as Golden;
const texts: Readonly<Record<string, string>> = {
  'heldout.txt': readFileSync(folder('heldout.txt'), 'utf8'),
  'pages.raw': readFileSync(folder('protocols/pages.raw'), 'utf8'),
};
const library = nativeLibraryForTests();
const backend = library ? openNativeBackend(library) : openReferenceBackend();

afterAll(() => {
  backend.close();
});

function tokenizerOf(model: string, vocabSize: number, change: object): Tokenizer {
  const definition = JSON.parse(readFileSync(`${model}/tokenizer.json`, 'utf8')) as object;
  return new Tokenizer(JSON.stringify({ ...definition, ...change }), vocabSize);
}

describe('perplexity of transformers', () => {
  it.each(golden.cases)(
    '$options.name, ctx $options.ctx, BOS: $bos',
    async ({ text, characters, bos, options, row }) => {
      const model = openModel(folder(golden.model));
      const { documents } = model;
      const tokenizer = tokenizerOf(
        folder(golden.model),
        model.config.vocabSize,
        bos ? { post_processor: golden.postProcessor } : {},
      );
      const encoder = textEncoder(documents, tokenizer);
      const start = bos ? { id: tokenizer.prefixIds[0], isBos: true } : encoder.start;
      const prepared = await prepareText(
        { text: texts[text].slice(0, characters), sha256: '' },
        { ...encoder, start },
        {
          name: options.name ?? 'gptq',
          ctx: options.ctx ?? 0,
          stride: options.stride ?? undefined,
          samples: options.samples ?? undefined,
        },
      );
      const request = { model, configurations: [parseConfiguration('fp16')], text: prepared };
      const hooks = { signal: new AbortController().signal, onWindow: () => undefined };
      const [actual] = await evaluate(request, backend, hooks);
      model.close();

      expect(prepared.protocol).toMatchObject({
        name: options.name,
        ctx: options.ctx,
        bos,
        ...countsOf(row, prepared.protocol),
      });
      for (const [name, tolerance] of Object.entries(tolerances)) {
        const expected = row[name as keyof typeof tolerances];
        if (expected === undefined) continue;
        const value = actual[name as keyof EvaluationRow] as number;
        expect(Math.abs(value / expected - 1), name).toBeLessThanOrEqual(tolerance);
      }
    },
  );
});

/** The members of a golden row that belong to the protocol. */
function countsOf(row: object, protocol: Protocol): object {
  return Object.fromEntries(Object.entries(row).filter(([name]) => name in protocol));
}
