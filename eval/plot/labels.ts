/** A rectangle in pixels; y grows downwards. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface Point {
  x: number;
  y: number;
}

/** Labels are monospaced, so that their width is known: 0.6 em a character, rounded up for fonts that differ. */
export const LABEL_SIZE = 11;
const CHARACTER_WIDTH = 0.62 * LABEL_SIZE;

/** Of a label, with room around it. */
export const labelSize = (label: string): Pick<LabelRequest, 'width' | 'height'> => ({
  width: (label.length + 1) * CHARACTER_WIDTH,
  height: 1.3 * LABEL_SIZE,
});

/** What is to be written near a point. */
export interface LabelRequest {
  point: Point;
  /** What is drawn of the point. */
  mark: Box;
  width: number;
  height: number;
}

export interface PlacedLabel {
  box: Box;
  /** From the point to the label, where they do not stand side by side. */
  leader: Line | undefined;
}

export type Line = readonly [Point, Point];

interface Place extends PlacedLabel {
  /** From the point to the near edge of the label. */
  distance: number;
}

/** From a point to its label; more needs a leader. */
const GAP = 7;
const RING = 11;
const DIRECTIONS = 24;

/** A leader that crosses something is as bad as one that is longer by so many pixels. */
const CROSSING = 60;

/** The first sweep places labels, the others move them to places that are better now that all have one. */
const SWEEPS = 4;

/**
 * Writes each label near its point, inside `area` and where it covers no mark and no label. Of these places it takes the
 * nearest, if its leader crosses nothing. Only where there is no room at all, labels cover each other.
 */
export function placeLabels(requests: readonly LabelRequest[], area: Box): PlacedLabel[] {
  const placed = new Map<LabelRequest, PlacedLabel>();
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const request of requests) {
      placed.delete(request);
      placed.set(request, bestPlace(request, requests, [...placed.values()], area));
    }
  }
  return requests.map((request) => placed.get(request) ?? besides(request, 0, GAP));
}

function bestPlace(
  request: LabelRequest,
  requests: readonly LabelRequest[],
  others: readonly PlacedLabel[],
  area: Box,
): PlacedLabel {
  const marks = requests.map(({ mark }) => mark);
  const taken = [...marks, ...others.map(({ box }) => box)];
  let best: PlacedLabel | undefined;
  let lowest = Infinity;
  for (const place of places(request, area)) {
    if (place.distance >= lowest) break;
    if (!contains(area, place.box) || taken.some((other) => overlaps(place.box, other))) continue;
    const crossed = taken.filter((other) => other !== request.mark && crosses(place.leader, other));
    const covered = others.filter((other) => crosses(other.leader, place.box));
    const cost = place.distance + CROSSING * (crossed.length + covered.length);
    if (cost < lowest) [best, lowest] = [place, cost];
  }
  return best ?? besides(request, 0, GAP);
}

/** From near to far. */
function places(request: LabelRequest, area: Box): Place[] {
  const rings = Math.ceil(Math.max(area.right - area.left, area.bottom - area.top) / RING);
  return Array.from({ length: rings * DIRECTIONS }, (_, index) => {
    const ring = Math.floor(index / DIRECTIONS);
    return besides(request, (2 * Math.PI * (index % DIRECTIONS)) / DIRECTIONS, GAP + ring * RING);
  });
}

/** A label whose near edge lies in a direction (0 = right, clockwise) and distance from the point. */
function besides({ point, width, height }: LabelRequest, angle: number, distance: number): Place {
  const [dx, dy] = [Math.cos(angle), Math.sin(angle)];
  const left = point.x + dx * (distance + width / 2) - width / 2;
  const top = point.y + dy * (distance + height / 2) - height / 2;
  const box = { left, top, right: left + width, bottom: top + height };
  const near = { x: clamp(point.x, box.left, box.right), y: clamp(point.y, box.top, box.bottom) };
  return { box, leader: distance > GAP ? [point, near] : undefined, distance };
}

/**
 * Places along a line, in the order of those that are wanted, at least `gap` apart and as near to them as that allows
 * (least squares, by pooling neighbours that would stand too close), from `low` to `high` if there is room.
 */
export function spreadApart(wanted: readonly number[], gap: number, [low, high]: readonly [number, number]): number[] {
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a] - wanted[b]);
  // Without the gaps that stand before each, neighbours need only not change their order.
  const groups: { sum: number; members: number[] }[] = [];
  for (const [rank, index] of order.entries()) {
    let group = { sum: wanted[index] - rank * gap, members: [index] };
    for (let last = groups.at(-1); last && meanOf(last) >= meanOf(group); last = groups.at(-1)) {
      groups.pop();
      group = { sum: last.sum + group.sum, members: [...last.members, ...group.members] };
    }
    groups.push(group);
  }
  const highest = Math.max(low, high - (wanted.length - 1) * gap);
  const placed = new Array<number>(wanted.length);
  let rank = 0;
  for (const group of groups) {
    const start = clamp(meanOf(group), low, highest);
    for (const index of group.members) placed[index] = start + rank++ * gap;
  }
  return placed;
}

const meanOf = ({ sum, members }: { sum: number; members: readonly number[] }): number => sum / members.length;

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

const contains = (outer: Box, inner: Box): boolean =>
  inner.left >= outer.left && inner.top >= outer.top && inner.right <= outer.right && inner.bottom <= outer.bottom;

export const overlaps = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/** Whether a line passes through a box: the pieces of it between the box's sides have a part in common (Liang, Barsky). */
function crosses(line: Line | undefined, box: Box): boolean {
  if (!line) return false;
  const [from, to] = line;
  let [start, end] = [0, 1];
  for (const [origin, delta, low, high] of [
    [from.x, to.x - from.x, box.left, box.right],
    [from.y, to.y - from.y, box.top, box.bottom],
  ]) {
    if (delta === 0) {
      if (origin <= low || origin >= high) return false;
      continue;
    }
    const [a, b] = [(low - origin) / delta, (high - origin) / delta];
    start = Math.max(start, Math.min(a, b));
    end = Math.min(end, Math.max(a, b));
  }
  return start < end;
}
