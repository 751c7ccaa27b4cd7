import { amountAxis, logarithmicAxis } from './axis.ts';
import { drawPage } from './page.ts';
import { drawPanel, type Panel } from './panel.ts';

/** What a configuration costs and gains. */
export interface PlotRow {
  config: string;
  perplexity: number;
  standardError: number;
  modelBytes: number;
  tokensPerSecond: number;
}

export interface PerplexityPlot {
  /** Name of the model. */
  title: string;
  /** What the perplexity must be quoted with. */
  subtitle: string;
  /** For instance "word perplexity". */
  measure: string;
  /** The first is the one that others are compared with. */
  rows: readonly PlotRow[];
}

/** First bytes of every plot, by which a file is known to be one of ours. */
export const PLOT_MARK = '<!-- cider eval-ppl -->';

const WIDTH = 1000;
const HEIGHT = 488;
const TOP = 104;
const BOTTOM = 404;
const LEFT_PANEL = { left: 66, right: 480, top: TOP, bottom: BOTTOM };
const RIGHT_PANEL = { left: 566, right: 980, top: TOP, bottom: BOTTOM };

/**
 * Perplexity against the bytes of the weights and against speed, one point a configuration. The same rows give the
 * same bytes. Rows without a finite perplexity are named below instead of drawn.
 *
 * @throws RangeError without any row
 */
export function plotPerplexity({ title, subtitle, measure, rows }: PerplexityPlot): string {
  if (rows.length === 0) throw new RangeError('there are no rows to draw');
  const drawn = rows.filter(({ perplexity }) => Number.isFinite(perplexity));
  const omitted = rows.filter((row) => !drawn.includes(row)).map(({ config }) => config);
  const y = logarithmicAxis(
    Math.min(...drawn.map((row) => Math.max(row.perplexity - errorOf(row), row.perplexity / 2))),
    Math.max(...drawn.map((row) => row.perplexity + errorOf(row))),
  );
  const panel = (area: Panel['area'], xTitle: string, amount: (row: PlotRow) => number): string =>
    drawPanel({
      area,
      xTitle,
      yTitle: `${measure} (log scale, lower is better)`,
      x: amountAxis(Math.max(...drawn.map(amount))),
      y,
      baseline: rows[0] === drawn[0] ? drawn[0].perplexity : undefined,
      points: drawn.map((row) => ({
        label: row.config,
        x: amount(row),
        y: row.perplexity,
        error: errorOf(row),
      })),
    });
  const unit = byteUnit(Math.max(...drawn.map((row) => row.modelBytes)));
  const notes = ['bars: ± one standard error; dashed: the first configuration'];
  if (omitted.length > 0) notes.push(`without a finite perplexity: ${omitted.join(', ')}`);
  return drawPage({
    mark: PLOT_MARK,
    width: WIDTH,
    height: HEIGHT,
    title: `${title}: ${measure} by configuration`,
    description: describe(subtitle, measure, rows),
    heading: title,
    subtitle,
    style: STYLE,
    content: [
      panel(LEFT_PANEL, `weights (${unit.name})`, (row) => row.modelBytes / unit.bytes),
      panel(RIGHT_PANEL, 'speed (tokens per second)', (row) => row.tokensPerSecond),
    ],
    notes,
  });
}

/** One target alone has no standard error. */
const errorOf = ({ standardError }: PlotRow): number => (Number.isFinite(standardError) ? standardError : 0);

function byteUnit(largest: number): { name: string; bytes: number } {
  if (largest >= 1e9) return { name: 'GB', bytes: 1e9 };
  return largest >= 1e6 ? { name: 'MB', bytes: 1e6 } : { name: 'kB', bytes: 1e3 };
}

/** The same for those who cannot see it. */
function describe(subtitle: string, measure: string, rows: readonly PlotRow[]): string {
  const values = rows.map(
    ({ config, perplexity, standardError, modelBytes, tokensPerSecond }) =>
      `${config}: ${measure} ${perplexity.toFixed(4)} ± ${standardError.toFixed(4)}, ` +
      `${modelBytes} bytes of weights, ${tokensPerSecond.toFixed(0)} tokens per second`,
  );
  return [subtitle, ...values].join('. ');
}

const STYLE = {
  light: `.baseline { stroke: #818b98; stroke-dasharray: 4 4; }
.error { stroke: #0969da; stroke-opacity: 0.6; }
.point { fill: #0969da; stroke: #ffffff; }`,
  dark: `.error { stroke: #58a6ff; }
.point { fill: #58a6ff; stroke: #0d1117; }`,
};
