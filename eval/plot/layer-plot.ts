import { indexAxis, linearAxis } from './axis.ts';
import { drawFrame, line, scalesOf, words, type Frame } from './frame.ts';
import { LABEL_SIZE, labelSize, spreadApart, type Box, type Point } from './labels.ts';
import { drawPage, fit } from './page.ts';
import { element } from './svg.ts';

/** What one model loses: a value in dB a layer in each panel, not finite where nothing differs. */
export interface LayerSeries {
  name: string;
  /** `[panels][layers]` */
  values: readonly (readonly number[])[];
}

export interface LayerPlot {
  title: string;
  /** What the values must be quoted with. */
  subtitle: string;
  /** Titles, from top to bottom. */
  panels: readonly string[];
  /** With as many layers each. */
  series: readonly LayerSeries[];
}

/** First bytes of every plot, by which a file is known to be one of ours. */
export const LAYER_PLOT_MARK = '<!-- cider compare -->';

const WIDTH = 1000;
const TOP = 100;
const LEFT = 66;
const MARGIN = 16;
/** Of the names of lines. */
const NAME_CHARACTERS = 30;
const PANEL_HEIGHT = 156;
const PANEL_STEP = 216;
/** Of the values' range: more than the height of a name. */
const NAME_ROOM = 0.12;
/** Below the last panel. */
const FOOT = 84;

/**
 * Lines over the layers, one a model, in panels that share both axes: where a line falls, a layer loses. The same values
 * give the same bytes.
 *
 * @throws RangeError without any layer
 */
export function plotLayers({ title, subtitle, panels, series }: LayerPlot): string {
  const layers = series.at(0)?.values.at(0)?.length ?? 0;
  if (layers === 0) throw new RangeError('there are no layers to draw');
  const all = series.flatMap(({ values }) => values.flat()).filter(Number.isFinite);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  // The name of the lowest point stands below it.
  const [x, y] = [indexAxis(layers), linearAxis(low - NAME_ROOM * (high - low), high)];
  // Names of the lines stand right of it.
  const right = WIDTH - MARGIN - Math.max(...series.map(({ name }) => labelSize(fit(name, NAME_CHARACTERS)).width));
  const frames = panels.map((yTitle, panel): Frame => {
    const top = TOP + panel * PANEL_STEP;
    const area = { left: LEFT, right, top, bottom: top + PANEL_HEIGHT };
    return { area, x, y, yTitle, ...(panel === panels.length - 1 && { xTitle: 'layer' }) };
  });
  return drawPage({
    mark: LAYER_PLOT_MARK,
    width: WIDTH,
    height: TOP + (panels.length - 1) * PANEL_STEP + PANEL_HEIGHT + FOOT,
    title,
    description: describe(subtitle, panels, series),
    heading: title,
    subtitle,
    style: STYLE,
    content: frames.map((frame, panel) => drawLines(frame, panel, series)),
    notes: ['higher is better; no point where nothing differs; named: the lowest point'],
  });
}

/** One panel: a line a model, its name at the end of the line, and the lowest point by name. */
function drawLines(frame: Frame, panel: number, series: readonly LayerSeries[]): string {
  const { toX, toY } = scalesOf(frame);
  const lines = series.map(({ values }) =>
    values[panel].map((value, layer) =>
      Number.isFinite(value) ? { x: toX(layer), y: toY(value), layer, value } : undefined,
    ),
  );
  return element(
    'g',
    {},
    ...drawFrame(frame),
    ...lines.flatMap((points, index) => drawLine(points, colourOf(index))),
    ...drawNames(frame.area, lines, series),
    ...drawLowest(frame.area, lines),
  );
}

interface LayerPoint extends Point {
  layer: number;
  value: number;
}

/** A line through neighbours, and all points. */
function drawLine(points: readonly (LayerPoint | undefined)[], colour: string): string[] {
  const pieces = points.slice(1).flatMap((to, index) => {
    const from = points[index];
    return from && to ? [line(`series ${colour}`, from, to)] : [];
  });
  const radius = points.length > MANY_LAYERS ? 1.5 : 2.5;
  const dots = points.flatMap((point) =>
    point ? [element('circle', { class: `dot ${colour}`, cx: point.x, cy: point.y, r: radius })] : [],
  );
  return [...pieces, ...dots];
}

/** Points of more layers stand close. */
const MANY_LAYERS = 64;

function drawNames(
  area: Box,
  lines: readonly (readonly (LayerPoint | undefined)[])[],
  series: readonly LayerSeries[],
): string[] {
  const named = series.flatMap(({ name }, index) => {
    const last = lines[index].findLast((point) => point !== undefined);
    return last ? [{ label: fit(name, NAME_CHARACTERS), colour: colourOf(index), y: last.y }] : [];
  });
  const { height } = labelSize('');
  const places = spreadApart(
    named.map(({ y }) => y),
    height,
    [area.top, area.bottom],
  );
  return named.map(({ label, colour }, index) => {
    return words(`label name ${colour}`, area.right + NAME_GAP, places[index] + 0.3 * LABEL_SIZE, 'start', label);
  });
}

/** From a line to its name. */
const NAME_GAP = 7;

function drawLowest(area: Box, lines: readonly (readonly (LayerPoint | undefined)[])[]): string[] {
  const points = lines.flat().filter((point) => point !== undefined);
  if (points.length === 0) return [];
  const { x, y, layer, value } = points.reduce((a, b) => (a.value <= b.value ? a : b));
  const label = `layer ${layer}: ${value.toFixed(1)}`;
  const half = labelSize(label).width / 2;
  const middle = Math.min(Math.max(x, area.left + half), area.right - half);
  return [words('label', middle, y + 1.5 * LABEL_SIZE, 'middle', label)];
}

function describe(subtitle: string, panels: readonly string[], series: readonly LayerSeries[]): string {
  const values = series.flatMap(({ name, values }) =>
    panels.map((panel, index) => {
      const layers = values[index].map((value, layer) => `${layer}: ${value.toFixed(1)}`);
      return `${name}, ${panel}, by layer: ${layers.join(', ')}`;
    }),
  );
  return [subtitle, ...values].join('. ');
}

/** Told apart on light grounds and on dark ones; after the last, the first again. */
const COLOURS = [
  ['#0969da', '#58a6ff'],
  ['#bc4c00', '#f0883e'],
  ['#1a7f37', '#3fb950'],
  ['#8250df', '#a371f7'],
  ['#bf3989', '#f778ba'],
  ['#9a6700', '#d29922'],
  ['#1b7c83', '#39c5cf'],
] as const;

const colourOf = (index: number): string => `c${index % COLOURS.length}`;

const rules = (ground: 0 | 1): string =>
  COLOURS.map(({ [ground]: colour }, index) => {
    return `.series.c${index} { stroke: ${colour}; }\n.dot.c${index}, .name.c${index} { fill: ${colour}; }`;
  }).join('\n');

const STYLE = { light: `.series { stroke-width: 1.5; }\n${rules(0)}`, dark: rules(1) };
