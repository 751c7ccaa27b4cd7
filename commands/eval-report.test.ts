import { describe, expect, it } from 'vitest';
import type { EvaluationRow } from '../eval/evaluation-row.ts';
import { gptqProtocol as protocol } from '../testing/gptq-protocol.ts';
import { increaseFailure } from './eval-increase.ts';
import { describeEvaluation, describeProtocol, type EvaluationReport } from './eval-report.ts';

const row = (config: string, deltaPercent: number, windows = 4): EvaluationRow => ({
  config,
  windows,
  perplexity: 10 * (1 + deltaPercent / 100),
  standardError: 0.5,
  deltaPercent,
  seconds: 2,
  tokensPerSecond: 1022,
  peakMemoryBytes: 5e8,
  modelBytes: 3e6,
});

const report: EvaluationReport = {
  model: 'a\u001b[31m model',
  data: 'a text',
  protocol,
  rows: [row('fp16', 0), row('w8a8', 1.234), row('w4a8', -2, 3)],
};

describe('describeEvaluation', () => {
  it('prints protocol and table, marks rows that are not complete, and lets no terminal code through', () => {
    expect(describeEvaluation(report)).toBe(
      [
        'model     a\\x1b[31m model',
        'text      a text, SHA-256 ab',
        'protocol  gptq, ctx 512: 4 windows, 2044 of 3000 tokens scored, BOS: at the start of the text',
        '',
        'config            perplexity   change  prefill s  tokens/s  peak memory  weights',
        'fp16        10.0000 ± 0.5000                2.00      1022       500 MB  3.00 MB',
        'w8a8        10.1234 ± 0.5000  +1.23 %       2.00      1022       500 MB  3.00 MB',
        'w4a8 [3/4]   9.8000 ± 0.5000  -2.00 %       2.00      1022       500 MB  3.00 MB',
      ].join('\n'),
    );
  });

  it('prints a comparison with an earlier run', () => {
    const rows = [{ config: 'w8a8', windows: 4, deltaPercent: 0.5, logRatio: 0.005, standardError: 0.001 }];
    const baseline = { file: 'b.json', model: 'b', config: 'fp16', rows };
    expect(
      describeEvaluation({ ...report, baseline })
        .split('\n')
        .slice(-4),
    ).toEqual([
      'against fp16 of b (b.json)',
      '',
      'config  windows   change      ln(ppl ratio)',
      'w8a8          4  +0.50 %  0.00500 ± 0.00100',
    ]);
  });
});

describe('describeProtocol', () => {
  it.each([
    [
      { ...protocol, name: 'llama.cpp' },
      "llama.cpp, ctx 512: 4 windows, their second halves, 2044 of 3000 tokens scored, BOS: in place of each window's first token",
    ],
    [
      { ...protocol, name: 'stride', stride: 256, bos: false },
      'stride, ctx 512, stride 256: 4 windows, 2044 of 3000 tokens scored, BOS: none',
    ],
    [
      { ...protocol, name: 'word', pages: 2, words: 1500, bytes: 8000 },
      'word, ctx 512: 2 pages of 1500 words and 8000 bytes in 4 windows, 2044 of 3000 tokens scored, BOS before each page',
    ],
  ] as const)('$name', (each, line) => {
    expect(describeProtocol(each)).toBe(line);
  });
});

describe('increaseFailure', () => {
  it('names the row that is furthest above the limit', () => {
    const rows = [row('fp16', 0), row('w8a8', 0.6), row('w4a8', 3), row('w4a16', 0.5)];
    expect(increaseFailure({ ...report, rows }, 0.5)).toMatchObject({
      code: 'E_PERPLEXITY_INCREASE',
      message: 'w4a8: the perplexity changed by +3.00 % against fp16, over the limit of 0.5 %',
      details: { config: 'w4a8', against: 'fp16', value: 3, limit: 0.5, configs: ['w8a8', 'w4a8'] },
    });
    expect(increaseFailure({ ...report, rows }, 3)).toBeUndefined();
    expect(increaseFailure({ ...report, rows }, undefined)).toBeUndefined();
  });

  it('takes what is not a number for too much', () => {
    expect(increaseFailure({ ...report, rows: [row('fp16', 0), row('w8a8', NaN)] }, 1e9)?.details['config']).toBe(
      'w8a8',
    );
  });

  it('counts from the baseline if there is one', () => {
    const rows = [{ config: 'fp16', windows: 4, deltaPercent: 2, logRatio: 0.02, standardError: 0.001 }];
    const baseline = { file: 'b.json', model: 'b', config: 'bf16', rows };
    expect(increaseFailure({ ...report, baseline }, 1)?.details).toMatchObject({
      config: 'fp16',
      against: 'bf16 of b.json',
      value: 2,
    });
    expect(increaseFailure({ ...report, baseline }, 2)).toBeUndefined();
  });
});
