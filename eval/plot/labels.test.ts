import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { overlaps, placeLabels, spreadApart, type LabelRequest } from './labels.ts';

const area = { left: 0, top: 0, right: 400, bottom: 300 };

const request = (x: number, y: number, width = 50): LabelRequest => ({
  point: { x, y },
  mark: { left: x - 4, right: x + 4, top: y - 4, bottom: y + 4 },
  width,
  height: 14,
});

describe('placeLabels', () => {
  it('writes a lone label to the right of its point', () => {
    const [{ box, leader }] = placeLabels([request(100, 100)], area);
    expect(box).toEqual({ left: 107, right: 157, top: 93, bottom: 107 });
    expect(leader).toBeUndefined();
  });

  it('turns away from the edge', () => {
    const [{ box }] = placeLabels([request(395, 100)], area);
    expect(box.right).toBeLessThanOrEqual(391);
  });

  it('leads to a label that found no room beside its point', () => {
    const crowd = Array.from({ length: 10 }, (_, index) => request(200 + index, 150));
    const placed = placeLabels(crowd, area);
    const far = placed.filter(({ leader }) => leader);
    expect(far.length).toBeGreaterThan(0);
    for (const { box, leader } of far) {
      const [, end] = leader ?? [];
      expect([box.left, box.right, end?.x].sort((a = 0, b = 0) => a - b)[1]).toBe(end?.x);
      expect([box.top, box.bottom, end?.y].sort((a = 0, b = 0) => a - b)[1]).toBe(end?.y);
    }
  });

  it('gives each label a place that no other label and no mark has, wherever the points are', () => {
    const point = fc.record({ x: fc.integer({ min: 4, max: 396 }), y: fc.integer({ min: 4, max: 296 }) });
    fc.assert(
      fc.property(fc.array(point, { minLength: 1, maxLength: 24 }), (points) => {
        const requests = points.map(({ x, y }) => request(x, y, 60));
        const placed = placeLabels(requests, area);
        for (const [index, { box }] of placed.entries()) {
          const others = placed.filter((_, other) => other !== index).map((label) => label.box);
          for (const other of [...others, ...requests.map(({ mark }) => mark)]) {
            expect(overlaps(box, other)).toBe(false);
          }
          expect(Math.min(box.left, box.top)).toBeGreaterThanOrEqual(0);
          expect(box.right).toBeLessThanOrEqual(area.right);
          expect(box.bottom).toBeLessThanOrEqual(area.bottom);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('covers others rather than leave a label out', () => {
    const tiny = { left: 0, top: 0, right: 60, bottom: 20 };
    expect(placeLabels([request(10, 10), request(12, 10)], tiny)).toHaveLength(2);
  });
});

describe('spreadApart', () => {
  it.each([
    [[], []],
    [
      [50, 10, 80],
      [50, 10, 80],
    ],
    [
      [50, 52],
      [46, 56],
    ],
    [
      [1, 2, 99],
      [0, 10, 99],
    ],
    [
      [100, 97, 20],
      [100, 90, 20],
    ],
  ])('moves %j to %j', (wanted, places) => {
    expect(spreadApart(wanted, 10, [0, 100])).toEqual(places);
  });

  it('keeps the order and the gap, and the range if there is room', () => {
    const wanted = fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 15 });
    fc.assert(
      fc.property(wanted, (ys) => {
        const places = spreadApart(ys, 10, [0, 100]);
        const order = ys.map((_, index) => index).sort((a, b) => places[a] - places[b]);
        for (const [rank, index] of order.slice(1).entries()) {
          expect(places[index] - places[order[rank]]).toBeGreaterThan(10 - 1e-9);
          expect(ys[index]).toBeGreaterThanOrEqual(ys[order[rank]]);
        }
        expect(places[order[0]]).toBeGreaterThanOrEqual(0);
        if (ys.length <= 11) expect(Math.max(...places)).toBeLessThan(100 + 1e-9);
      }),
    );
  });
});
