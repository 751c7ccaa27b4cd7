import { drawFrame, horizontal, line, scalesOf, words, type Frame } from './frame.ts';
import { labelSize, LABEL_SIZE, placeLabels, type Box } from './labels.ts';
import { element } from './svg.ts';

/** A configuration in the coordinates of its axes. */
export interface PanelPoint {
  label: string;
  x: number;
  y: number;
  /** Half the length of the bar through the point, in units of y. */
  error: number;
}

export interface Panel extends Frame {
  /** A y to which all others are compared. */
  baseline: number | undefined;
  points: readonly PanelPoint[];
}

const RADIUS = 4;

/** A scatter plot with error bars, a dashed line at the baseline, and each point's name beside it. */
export function drawPanel(panel: Panel): string {
  const { area, baseline, points } = panel;
  const { toX, toY } = scalesOf(panel);
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
      ...labelSize(label),
    })),
    area,
  );
  return element(
    'g',
    {},
    ...drawFrame(panel),
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
