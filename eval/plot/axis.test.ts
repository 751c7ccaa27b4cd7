import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { amountAxis, indexAxis, linearAxis, logarithmicAxis, type Axis } from './axis.ts';

const labelsOf = ({ ticks }: Axis): string[] => ticks.map(({ label }) => label);

describe('amountAxis', () => {
  it.each([
    [269, ['0', '50', '100', '150', '200', '250']],
    [2.9, ['0.0', '0.5', '1.0', '1.5', '2.0', '2.5', '3.0']],
    [0.07, ['0.00', '0.02', '0.04', '0.06']],
    [15_000, ['0', '5000', '10000', '15000']],
  ])('marks amounts up to %d', (largest, labels) => {
    expect(labelsOf(amountAxis(largest))).toEqual(labels);
  });

  it('starts at 0 and leaves room beyond the largest', () => {
    const { position } = amountAxis(200);
    expect(position(0)).toBe(0);
    expect(position(200)).toBeCloseTo(1 / 1.1, 12);
  });
});

describe('logarithmicAxis', () => {
  it.each([
    [17.9, 18.3, ['17.9', '18.0', '18.1', '18.2', '18.3']],
    [17.9, 35, ['20', '25', '30', '35']],
    [12, 12, ['11.98', '11.99', '12.00', '12.01', '12.02']],
    [5, 400, ['5', '10', '20', '50', '100', '200', '500']],
    [5, 3e6, ['10', '100', '1000', '10000', '100000', '1e6', '1e7']],
  ])('marks %d to %d', (low, high, labels) => {
    expect(labelsOf(logarithmicAxis(low, high))).toEqual(labels);
  });

  it('gives equal ratios equal lengths', () => {
    const { position } = logarithmicAxis(10, 40);
    expect(position(40) - position(20)).toBeCloseTo(position(20) - position(10), 12);
  });

  it('is empty without a value', () => {
    expect(logarithmicAxis(Infinity, -Infinity).ticks).toEqual([]);
  });
});

describe('linearAxis', () => {
  it.each([
    [8.2, 16, ['8', '10', '12', '14', '16']],
    [-3, 42, ['0', '10', '20', '30', '40']],
    [20, 20, ['19.6', '19.8', '20.0', '20.2', '20.4']],
  ])('marks %d to %d', (low, high, labels) => {
    expect(labelsOf(linearAxis(low, high))).toEqual(labels);
  });

  it('gives equal steps equal lengths, with room at both ends', () => {
    const { position } = linearAxis(10, 30);
    expect(position(30) - position(20)).toBeCloseTo(position(20) - position(10), 12);
    expect(position(10)).toBeCloseTo(1 - position(30), 12);
    expect(position(10)).toBeGreaterThan(0.05);
  });

  it('is empty without a value', () => {
    expect(linearAxis(Infinity, -Infinity).ticks).toEqual([]);
  });
});

describe('indexAxis', () => {
  it.each([
    [1, ['0']],
    [3, ['0', '1', '2']],
    [30, ['0', '5', '10', '15', '20', '25']],
    [126, ['0', '20', '40', '60', '80', '100', '120']],
  ])('marks %d numbers', (count, labels) => {
    expect(labelsOf(indexAxis(count))).toEqual(labels);
  });

  it('puts each in the middle of its share', () => {
    expect([0, 1, 2, 3].map(indexAxis(4).position)).toEqual([0.125, 0.375, 0.625, 0.875]);
  });
});

it('marks 2 to 13 different places of any axis, all on it', () => {
  const value = fc.double({ min: 1, max: 1e12, noNaN: true });
  fc.assert(
    fc.property(value, value, (a, b) => {
      for (const axis of [logarithmicAxis(Math.min(a, b), Math.max(a, b)), amountAxis(a)]) {
        expect(axis.ticks.length).toBeGreaterThanOrEqual(2);
        expect(axis.ticks.length).toBeLessThanOrEqual(13);
        expect(new Set(labelsOf(axis)).size).toBe(axis.ticks.length);
        for (const tick of axis.ticks) {
          expect(axis.position(tick.value)).toBeGreaterThan(-1e-9);
          expect(axis.position(tick.value)).toBeLessThan(1 + 1e-9);
        }
      }
    }),
  );
});
