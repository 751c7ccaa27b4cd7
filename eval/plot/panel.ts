import type { Axis } from './axis.ts';
import { placeLabels, type Box, type Point } from './labels.ts';
import { element, text } from './svg.ts';

/** A configuration in the coordinates of its axes. */
export interface PanelPoint {
  label: string;
  x: number;
  y: number;
  /** Half the length of the bar through the point, in units of y. */
  error: number;
}

export interface Panel {
  area: Box;
  xTitle: string;
  yTitle: string;
  x: Axis;
  y: Axis;
  /** A y to which all others are compared. */
  baseline: number | undefined;
  points: readonly PanelPoint[];
}

const RADIUS = 4;

/** Labels are monospaced, so that their width is known: 0.6 em a character, rounded up for fonts that differ. */
export const LABEL_SIZE = 11;
const CHARACTER_WIDTH = 0.62 * LABEL_SIZE;

/** A scatter plot with error bars, a dashed line at the baseline, and each point's name beside it. */
export function drawPanel({ area, xTitle, yTitle, x, y, baseline, points }: Panel): string {
  const toX = (value: number): number => area.left + x.position(value) * (area.right - area.left);
  const toY = (value: number): number => area.bottom - y.position(value) * (area.bottom - area.top);
  const marks = points.map((point) => {
    const centre = { x: toX(point.x), y: toY(point.y) };
    const bar = { top: toY(point.y + point.error), bottom: toY(Math.max(point.y - point.error, Number.MIN_VALUE)) };
    return {
      label: point.label,
      centre,
      bar: { top: Math.max(bar.top, area.top), bottom: Math.min(bar.bottom, area.bottom) },
    };
  });
  const labels = placeLabels(
    marks.map(({ label, centre, bar }) => ({
      point: centre,
      mark: {
        left: centre.x - RADIUS,
        right: centre.x + RADIUS,
        top: Math.min(bar.top, centre.y - RADIUS),
        bottom: Math.max(bar.bottom, centre.y + RADIUS),
      },
      width: (label.length + 1) * CHARACTER_WIDTH,
      height: 1.3 * LABEL_SIZE,
    })),
    area,
  );
  return element(
    'g',
    {},
    ...x.ticks.map(({ value, label }) => xTick(toX(value), area, label)),
    ...y.ticks.map(({ value, label }) => yTick(toY(value), area, label)),
    horizontal('axis', area.bottom, area),
    line('axis', { x: area.left, y: area.top }, { x: area.left, y: area.bottom }),
    words('title', (area.left + area.right) / 2, area.bottom + 42, 'middle', xTitle),
    words('title', area.left - 50, area.top - 14, 'start', yTitle),
    ...(baseline === undefined ? [] : [horizontal('baseline', toY(baseline), area)]),
    ...labels.map(({ box }) => ground(box)),
    ...labels.flatMap(({ leader }) => (leader ? [line('leader', ...leader)] : [])),
    ...marks.map(({ centre: { x }, bar }) => line('error', { x, y: bar.top }, { x, y: bar.bottom })),
    ...marks.map(({ centre }) => element('circle', { class: 'point', cx: centre.x, cy: centre.y, r: RADIUS })),
    ...labels.map(({ box }, index) => {
      return words('label', (box.left + box.right) / 2, box.bottom - 0.35 * LABEL_SIZE, 'middle', marks[index].label);
    }),
  );
}

/** Under a label, so that no line of the grid strikes it through. */
const ground = ({ left, right, top, bottom }: Box): string =>
  element('rect', { class: 'ground', x: left, y: top, width: right - left, height: bottom - top });

function xTick(at: number, area: Box, label: string): string {
  return (
    line('grid', { x: at, y: area.top }, { x: at, y: area.bottom }) +
    words('tick', at, area.bottom + 18, 'middle', label)
  );
}

function yTick(at: number, area: Box, label: string): string {
  return horizontal('grid', at, area) + words('tick', area.left - 8, at + 4, 'end', label);
}

const horizontal = (kind: string, y: number, { left, right }: Box): string =>
  line(kind, { x: left, y }, { x: right, y });

const line = (kind: string, from: Point, to: Point): string =>
  element('line', { class: kind, x1: from.x, y1: from.y, x2: to.x, y2: to.y });

/** Text at a point of its baseline. */
export const words = (
  kind: string,
  x: number,
  y: number,
  anchor: 'start' | 'middle' | 'end',
  content: string,
): string => element('text', { class: kind, x, y, 'text-anchor': anchor }, text(content));
