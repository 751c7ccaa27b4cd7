import type { Axis } from './axis.ts';
import type { Box, Point } from './labels.ts';
import { element, text } from './svg.ts';

/** An area with two axes, their marks, and what they stand for. */
export interface Frame {
  area: Box;
  /** None where the axis is that of a frame below. */
  xTitle?: string;
  yTitle: string;
  x: Axis;
  y: Axis;
}

/** Where values of the axes lie, in pixels. */
export interface Scales {
  toX: (value: number) => number;
  toY: (value: number) => number;
}

export function scalesOf({ area, x, y }: Frame): Scales {
  return {
    toX: (value) => area.left + x.position(value) * (area.right - area.left),
    toY: (value) => area.bottom - y.position(value) * (area.bottom - area.top),
  };
}

/** The grid, the axes and their titles; to be drawn first. */
export function drawFrame(frame: Frame): string[] {
  const { area, xTitle, yTitle, x, y } = frame;
  const { toX, toY } = scalesOf(frame);
  return [
    ...x.ticks.map(({ value, label }) => xTick(toX(value), area, label)),
    ...y.ticks.map(({ value, label }) => yTick(toY(value), area, label)),
    horizontal('axis', area.bottom, area),
    line('axis', { x: area.left, y: area.top }, { x: area.left, y: area.bottom }),
    ...(xTitle === undefined ? [] : [words('title', (area.left + area.right) / 2, area.bottom + 42, 'middle', xTitle)]),
    words('title', area.left - 50, area.top - 14, 'start', yTitle),
  ];
}

function xTick(at: number, area: Box, label: string): string {
  return (
    line('grid', { x: at, y: area.top }, { x: at, y: area.bottom }) +
    words('tick', at, area.bottom + 18, 'middle', label)
  );
}

function yTick(at: number, area: Box, label: string): string {
  return horizontal('grid', at, area) + words('tick', area.left - 8, at + 4, 'end', label);
}

export const horizontal = (kind: string, y: number, { left, right }: Box): string =>
  line(kind, { x: left, y }, { x: right, y });

export const line = (kind: string, from: Point, to: Point): string =>
  element('line', { class: kind, x1: from.x, y1: from.y, x2: to.x, y2: to.y });

/** Text at a point of its baseline. */
export const words = (
  kind: string,
  x: number,
  y: number,
  anchor: 'start' | 'middle' | 'end',
  content: string,
): string => element('text', { class: kind, x, y, 'text-anchor': anchor }, text(content));
