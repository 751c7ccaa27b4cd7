import { describe, expect, it } from 'vitest';
import { evalPpl, evaluated, model } from '../testing/eval-ppl.ts';
import { packagePath } from './package-path.ts';

const pages = packagePath('fixtures/protocols/pages.raw');

describe('cider eval-ppl --protocol', () => {
  it.each([
    ['gptq', [], /^gptq, ctx 64: 2 windows, 126 of \d+ tokens scored, BOS: none$/],
    ['llama.cpp', [], /^llama\.cpp, ctx 64: 2 windows, their second halves, 62 of \d+ tokens scored, BOS: none$/],
    ['stride', ['--stride', '16'], /^stride, ctx 64, stride 16: 2 windows, 79 of \d+ tokens scored, BOS: none$/],
    [
      'word',
      [],
      /^word, ctx 64: 2 pages of \d+ words and \d+ bytes in \d+ windows, \d+ of \d+ tokens scored, EOS before each page$/,
    ],
  ])('%s is named with its parameters', async (protocol, options, line) => {
    const run = await evalPpl([
      ...[model, '--data', pages, '--configs', 'fp16,w8a8', '--ctx', '64', '--samples', '2'],
      ...['--protocol', protocol, ...options],
    ]);
    expect(run.exitCode).toBe(0);
    const lines = run.stdout.split('\n');
    expect(lines[2].replace(/^protocol {2}/, '')).toMatch(line);
    const columns =
      protocol === 'word' ? /^config +word_ppl +byte_ppl +bits\/byte +change/ : /^config +perplexity +change/;
    expect(lines[4]).toMatch(columns);
  });

  it('gives words and bytes columns of their own', async () => {
    const options = ['--data', pages, '--configs', 'fp16', '--ctx', '64', '--samples', '1', '--protocol', 'word'];
    const run = await evalPpl([model, ...options, '--json']);
    const { protocol, rows } = evaluated(run).result;
    expect(protocol).toMatchObject({ name: 'word', pages: 1, bos: false });
    const [{ bytePerplexity, bitsPerByte }] = rows;
    expect(bitsPerByte).toBeCloseTo(Math.log2(bytePerplexity ?? NaN), 10);
  });

  it('has the windows that each protocol is known for', async () => {
    const ctxOf = async (protocol: string): Promise<number> => {
      const run = await evalPpl([
        model,
        '--data',
        pages,
        '--configs',
        'fp16',
        '--samples',
        '1',
        '--protocol',
        protocol,
        '--json',
      ]);
      return evaluated(run).result.protocol.ctx;
    };
    expect(await ctxOf('llama.cpp')).toBe(512);
    expect(await ctxOf('stride')).toBe(512);
  });
});

describe('cider eval-ppl --kld', () => {
  const options = ['--configs', 'fp16,w8a8', '--ctx', '32', '--samples', '2', '--kld'];

  it('prints a second table', async () => {
    const run = await evalPpl([...options, '--backend', 'reference']);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    const lines = run.stdout.trimEnd().split('\n').slice(7);
    expect(lines[1]).toBe('distributions against fp16, KL in nats');
    expect(lines[3]).toMatch(/^config +mean +median +99 % +max +same top token +ln\(ppl ratio\)$/);
    expect(lines[4]).toMatch(/^w8a8 +[\d.]+ ± [\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ ± [\d.]+ % +-?[\d.]+ ± [\d.]+$/);
    expect(lines).toHaveLength(5);
  });

  it('stands in the document, and leaves the other values alone', async () => {
    const [plain, compared] = [
      evaluated(await evalPpl([...options.slice(0, -1), '--json'])).result.rows,
      evaluated(await evalPpl([...options, '--json'])).result.rows,
    ];
    expect(compared.map(({ perplexity }) => perplexity)).toEqual(plain.map(({ perplexity }) => perplexity));
    expect(plain[1].divergence).toBeUndefined();
    expect(compared[0].divergence).toBeUndefined();
    const { divergence, comparison } = compared[1];
    expect(divergence?.mean).toBeGreaterThan(0);
    expect(divergence?.median).toBeLessThanOrEqual(divergence?.percentile99 ?? NaN);
    expect(divergence?.topAgreement).toBeGreaterThan(0.5);
    expect(comparison?.logRatio).toBeCloseTo(Math.log(compared[1].perplexity / compared[0].perplexity), 10);
  });
});
