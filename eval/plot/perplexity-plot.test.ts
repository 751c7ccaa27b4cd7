import { describe, expect, it } from 'vitest';
import { PLOT_MARK, plotPerplexity, type PerplexityPlot, type PlotRow } from './perplexity-plot.ts';

const row = (config: string, perplexity: number, modelBytes: number, tokensPerSecond: number): PlotRow => ({
  config,
  perplexity,
  standardError: 0.1,
  modelBytes,
  tokensPerSecond,
});

const plot: PerplexityPlot = {
  title: 'a model',
  subtitle: 'a text; a protocol',
  measure: 'perplexity',
  rows: [row('fp16', 18, 269e6, 1200), row('w8a8', 18.1, 163e6, 2900), row('w4a8', 19, 110e6, 2800)],
};

const count = (svg: string, part: string): number => svg.split(part).length - 1;

/** Coordinates of the points of one panel. */
function pointsOf(svg: string, panel: 0 | 1): { x: number; y: number }[] {
  return [...svg.split('<g>')[panel + 1].matchAll(/<circle class="point" cx="([\d.]+)" cy="([\d.]+)"/g)].map(
    ([, x, y]) => ({ x: Number(x), y: Number(y) }),
  );
}

describe('plotPerplexity', () => {
  const svg = plotPerplexity(plot);

  it('starts with its mark and gives the same bytes for the same rows', () => {
    expect(svg.startsWith(`${PLOT_MARK}\n<svg `)).toBe(true);
    expect(plotPerplexity(structuredClone(plot))).toBe(svg);
  });

  it('draws each row once a panel, with its name and error bar, and one baseline', () => {
    expect(count(svg, '<circle class="point"')).toBe(6);
    expect(count(svg, '<line class="error"')).toBe(6);
    expect(count(svg, '<line class="baseline"')).toBe(2);
    for (const { config } of plot.rows) expect(count(svg, `>${config}</text>`)).toBe(2);
  });

  it('puts more bytes and more speed further right, and more perplexity further up', () => {
    for (const [panel, amount] of [
      [0, (each: PlotRow): number => each.modelBytes],
      [1, (each: PlotRow): number => each.tokensPerSecond],
    ] as const) {
      const points = pointsOf(svg, panel);
      const order = (value: (index: number) => number): number[] => [0, 1, 2].sort((a, b) => value(a) - value(b));
      expect(order((index) => points[index].x)).toEqual(order((index) => amount(plot.rows[index])));
      expect(order((index) => -points[index].y)).toEqual([0, 1, 2]);
    }
  });

  it('names axes with units', () => {
    expect(svg).toContain('>weights (MB)</text>');
    expect(svg).toContain('>speed (tokens per second)</text>');
    expect(count(svg, '>perplexity (log scale, lower is better)</text>')).toBe(2);
    expect(plotPerplexity({ ...plot, rows: [row('fp16', 18, 16e9, 10)] })).toContain('>weights (GB)</text>');
  });

  it('says in words what it shows', () => {
    expect(svg).toContain('role="img" aria-labelledby="title desc"');
    expect(svg).toContain('<title id="title">a model: perplexity by configuration</title>');
    expect(svg).toContain('w8a8: perplexity 18.1000 ± 0.1000, 163000000 bytes of weights, 2900 tokens per second');
  });

  it('has colours for dark viewers', () => {
    expect(svg).toContain('@media (prefers-color-scheme: dark)');
  });

  it('escapes what comes from files', () => {
    const hostile = plotPerplexity({ ...plot, title: '</title><script>alert(1)</script>' });
    expect(hostile).not.toContain('<script');
  });

  it('cuts long lines', () => {
    const long = plotPerplexity({ ...plot, subtitle: 'x'.repeat(1000) });
    expect(long).toMatch(/>x{100,140}…<\/text>/);
  });

  it('names rows without a finite perplexity and draws the others', () => {
    const some = plotPerplexity({ ...plot, rows: [row('fp16', NaN, 1e6, 10), row('w8a8', 18, 1e6, 10)] });
    expect(some).toContain('without a finite perplexity: fp16');
    expect(count(some, '<circle class="point"')).toBe(2);
    expect(some).not.toContain('<line class="baseline"');
    const none = plotPerplexity({ ...plot, rows: [row('fp16', Infinity, 1e6, 10)] });
    expect(none).toContain('without a finite perplexity: fp16');
    expect(none).not.toContain('<circle');
  });

  it.each([NaN, 0, 40])('draws a standard error of %d', (standardError) => {
    const drawn = plotPerplexity({ ...plot, rows: [{ ...row('fp16', 18, 1e6, 10), standardError }] });
    expect(drawn).not.toMatch(/NaN"|Infinity"/);
    expect(count(drawn, '<circle class="point"')).toBe(2);
  });

  it('refuses to draw nothing', () => {
    expect(() => plotPerplexity({ ...plot, rows: [] })).toThrow(RangeError);
  });
});
