import { describe, expect, it } from 'vitest';
import type { OutputError } from '../eval/compare/output-error.ts';
import { gptqProtocol as protocol } from '../testing/gptq-protocol.ts';
import { describeComparison, drawComparison, type ComparisonReport, type ReportedRow } from './compare-report.ts';

const error = (median: number): OutputError => ({ median, total: 1 });
const layer = (hidden: number, attention: number, mlp: number) => ({
  hidden: error(hidden),
  attention: error(attention),
  mlp: error(mlp),
});

const cost = { seconds: 2, tokensPerSecond: 1022, peakMemoryBytes: 5e8, modelBytes: 3e6 };
const first: ReportedRow = {
  name: 'float',
  model: 'models/float',
  config: 'fp16',
  perplexity: 10,
  standardError: 0.5,
  deltaPercent: 0,
  ...cost,
};
const result: ReportedRow = {
  name: 'saved',
  model: 'models/w8a8',
  config: 'w8a8',
  perplexity: 10.1,
  standardError: 0.5,
  deltaPercent: 1,
  comparison: { logRatio: 0.00995, standardError: 0.001 },
};
const quantized: ReportedRow = {
  ...result,
  ...cost,
  name: 'w\u001b8',
  divergence: {
    mean: 0.01,
    standardError: 0.001,
    median: 0.005,
    percentile99: 0.2,
    max: 1.5,
    topAgreement: 0.95,
    topAgreementStandardError: 0.01,
  },
  layers: [layer(Infinity, Infinity, Infinity), layer(25.04, 17, 18)],
};

const report = (...rows: ReportedRow[]): ComparisonReport => ({ data: 'a text', protocol, layerWindows: 1, rows });

describe('describeComparison', () => {
  it('prints what is known of each, and what its layers lose', () => {
    expect(describeComparison(report(first, quantized, result))).toBe(
      [
        'text      a text, SHA-256 ab',
        'protocol  gptq, ctx 512: 4 windows, 2044 of 3000 tokens scored, BOS: at the start of the text',
        '',
        'checkpoint  config        perplexity   change      ln(ppl ratio)  weights  tokens/s  peak memory',
        'float       fp16    10.0000 ± 0.5000        -                  -  3.00 MB      1022       500 MB',
        'w\\x1b8      w8a8    10.1000 ± 0.5000  +1.00 %  0.00995 ± 0.00100  3.00 MB      1022       500 MB',
        'saved       w8a8    10.1000 ± 0.5000  +1.00 %  0.00995 ± 0.00100        -         -            -',
        '',
        'distributions against float, which is in memory beside the others; KL in nats',
        '',
        'checkpoint               mean   median    99 %    max  same top token',
        'w\\x1b8      0.01000 ± 0.00100  0.00500  0.2000  1.500  95.00 ± 1.00 %',
        'saved                       -        -       -      -               -',
        '',
        'signal to quantization noise against float in dB, median of the tokens of 1 window: residual stream after each',
        'layer, and what attention and MLP add to it',
        '',
        'layer  w\\x1b8  attention    MLP',
        '    0   exact      exact  exact',
        '    1    25.0       17.0   18.0',
        '',
        'w\\x1b8: lowest in attention of layer 1, 17.0 dB',
      ].join('\n'),
    );
  });

  it('prints results alone without the tables of models', () => {
    const text = describeComparison(report(result, { ...result, name: 'other' }));
    expect(text.split('\n')).toHaveLength(6);
    expect(text).not.toContain('distributions');
    expect(drawComparison(report(result, result))).toBeUndefined();
  });
});

describe('drawComparison', () => {
  it('draws the models that have layers', () => {
    const svg = drawComparison(report(first, quantized, result)) ?? '';
    expect(svg).toContain('>What the layers lose against float</text>');
    expect(svg).toContain('median of the tokens of 1 window');
    expect(svg.split('<circle ')).toHaveLength(1 + 3);
    expect(svg).not.toContain('>saved</text>');
  });
});
