import { describe, expect, it } from 'vitest';
import { LAYER_PLOT_MARK, plotLayers, type LayerPlot } from './layer-plot.ts';

const plot: LayerPlot = {
  title: 'a title',
  subtitle: 'a text; a protocol',
  panels: ['stream (dB)', 'branch (dB)'],
  series: [
    {
      name: 'w8a8',
      values: [
        [30, 28, 26, 25],
        [31, 27, 20, 24],
      ],
    },
    {
      name: 'w4a8',
      values: [
        [20, 18, 17, 15],
        [22, 16, 9, 14],
      ],
    },
  ],
};

const count = (svg: string, part: string): number => svg.split(part).length - 1;

/** Points of a line in one panel. */
function pointsOf(svg: string, panel: number, series: number): { x: number; y: number }[] {
  const dots = new RegExp(`<circle class="dot c${series}" cx="([\\d.]+)" cy="([\\d.]+)"`, 'g');
  return [...svg.split('<g>')[panel + 1].matchAll(dots)].map(([, x, y]) => ({ x: Number(x), y: Number(y) }));
}

describe('plotLayers', () => {
  const svg = plotLayers(plot);

  it('starts with its mark and gives the same bytes for the same values', () => {
    expect(svg.startsWith(`${LAYER_PLOT_MARK}\n<svg `)).toBe(true);
    expect(plotLayers(structuredClone(plot))).toBe(svg);
  });

  it('draws a line of all layers for each model in each panel, named at its end', () => {
    expect(count(svg, '<circle ')).toBe(16);
    expect(count(svg, '<line class="series ')).toBe(12);
    for (const { name } of plot.series) expect(count(svg, `>${name}</text>`)).toBe(2);
    for (const title of [...plot.panels, 'layer', '0', '1', '2', '3']) expect(svg).toContain(`>${title}</text>`);
  });

  it('puts later layers further right and more dB further up, by the same scale in all panels', () => {
    const scale: number[] = [];
    for (const panel of [0, 1]) {
      for (const [series, { values }] of plot.series.entries()) {
        const points = pointsOf(svg, panel, series);
        const xs = points.map(({ x }) => x);
        expect(xs).toEqual(xs.toSorted((a, b) => a - b));
        for (const [layer, { y }] of points.entries()) {
          const [from, to] = [pointsOf(svg, panel, 0)[0], plot.series[0].values[panel][0]];
          if (values[panel][layer] !== to) scale.push((y - from.y) / (to - values[panel][layer]));
        }
      }
    }
    expect(Math.min(...scale)).toBeGreaterThan(0);
    expect(Math.max(...scale) - Math.min(...scale)).toBeLessThan(0.02);
  });

  it('names the lowest point of each panel', () => {
    expect(svg).toContain('>layer 3: 15.0</text>');
    expect(svg).toContain('>layer 2: 9.0</text>');
  });

  it('says in words what it shows', () => {
    expect(svg).toContain('<title id="title">a title</title>');
    expect(svg).toContain(
      'a text; a protocol. w8a8, stream (dB), by layer: 0: 30.0, 1: 28.0, 2: 26.0, 3: 25.0. w8a8, branch',
    );
  });

  it('leaves a gap where a value is not finite', () => {
    const gaps = plotLayers({
      ...plot,
      series: [
        {
          name: 'a',
          values: [
            [Infinity, 28, NaN, 25],
            [31, 30, 29, 28],
          ],
        },
      ],
    });
    expect(gaps).not.toMatch(/"(NaN|Infinity)"/);
    expect(pointsOf(gaps, 0, 0)).toHaveLength(2);
    expect(count(gaps.split('<g>')[1], '<line class="series ')).toBe(0);
  });

  it('draws models in which nothing differs, one layer, and many', () => {
    const exact = plotLayers({
      ...plot,
      series: [
        {
          name: 'a',
          values: [
            [Infinity, Infinity],
            [Infinity, Infinity],
          ],
        },
      ],
    });
    expect(exact).not.toContain('<circle');
    expect(plotLayers({ ...plot, series: [{ name: 'a', values: [[20], [20]] }] })).toContain('>layer 0: 20.0</text>');
    const many = Array.from({ length: 126 }, (_, layer) => 30 - layer / 10);
    const deep = plotLayers({
      ...plot,
      series: Array.from({ length: 9 }, () => ({ name: 'a', values: [many, many] })),
    });
    expect(count(deep, '<circle ')).toBe(2 * 9 * 126);
    expect(deep).toContain('>120</text>');
    expect(deep).not.toContain('>125</text>');
  });

  it('escapes what comes from files, and cuts long names', () => {
    const name = `<script>${'x'.repeat(100)}`;
    const hostile = plotLayers({ ...plot, title: name, series: [{ name, values: plot.series[0].values }] });
    expect(hostile).not.toContain('<script');
    expect(hostile).toMatch(/>&lt;script&gt;x{21}…<\/text>/);
  });

  it('refuses to draw nothing', () => {
    expect(() => plotLayers({ ...plot, series: [] })).toThrow(RangeError);
    expect(() => plotLayers({ ...plot, series: [{ name: 'a', values: [[], []] }] })).toThrow(RangeError);
  });
});
