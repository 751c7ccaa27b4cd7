/** A value that an axis is marked with, and how it is written there. */
export interface Tick {
  value: number;
  label: string;
}

/** Where values lie along an axis, as a fraction of its length. */
export interface Axis {
  position: (value: number) => number;
  ticks: readonly Tick[];
}

/** About so many ticks an axis; there is room for their labels. */
const TICKS = 5;

/** Linear from 0, so that half the length is half the amount; room is left beyond the largest value. */
export function amountAxis(largest: number): Axis {
  const end = largest > 0 ? largest * 1.1 : 1;
  return { position: (value) => value / end, ticks: linearTicks(0, end) };
}

/**
 * Logarithmic, as perplexity is the exponential of what is measured. Values that lie close together are marked at
 * round numbers, others at 1, 2 and 5 or at powers of ten.
 *
 * @param low above 0; without any value the axis is empty
 */
export function logarithmicAxis(low: number, high: number): Axis {
  if (low > high) return { position: () => 0, ticks: [] };
  const room = Math.max(0.12 * Math.log(high / low), 0.002);
  const [start, end] = [Math.log(low) - room, Math.log(high) + room];
  const [first, last] = [Math.exp(start), Math.exp(end)];
  return {
    position: (value) => (Math.log(value) - start) / (end - start),
    ticks: last / first < LINEAR_RATIO ? linearTicks(first, last) : decadeTicks(first, last),
  };
}

/** Linear, with room beyond both ends; empty without any value. */
export function linearAxis(low: number, high: number): Axis {
  if (low > high) return { position: () => 0, ticks: [] };
  const room = Math.max(0.08 * (high - low), 0.5);
  const [start, end] = [low - room, high + room];
  return { position: (value) => (value - start) / (end - start), ticks: linearTicks(start, end) };
}

/** The numbers from 0 to `count - 1`, each in the middle of its share. */
export function indexAxis(count: number): Axis {
  const all = Array.from({ length: count }, (_, value) => ({ value, label: String(value) }));
  return {
    position: (value) => (value + 0.5) / count,
    ticks: count <= 2 * TICKS ? all : linearTicks(0, count - 1),
  };
}

/** Below it round numbers at equal steps look evenly spaced on a logarithmic axis. */
const LINEAR_RATIO = 5;

/** Multiples of 1, 2 or 5 times a power of ten: of these steps the one whose ratio to the wanted one is nearest to 1. */
function linearTicks(low: number, high: number): Tick[] {
  const wanted = (high - low) / TICKS;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = power * ([1, 2, 5].find((factor) => wanted / power < factor * Math.SQRT2) ?? 10);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const [first, last] = [Math.ceil(low / step), Math.floor(high / step)];
  return Array.from({ length: last - first + 1 }, (_, index) => {
    const value = (first + index) * step;
    return { value, label: value.toFixed(decimals) };
  });
}

function decadeTicks(low: number, high: number): Tick[] {
  const decades = Math.log10(high / low);
  const factors = decades < 3 ? [1, 2, 5] : [1];
  const stride = Math.ceil(decades / (2 * TICKS));
  const ticks: Tick[] = [];
  for (let exponent = Math.floor(Math.log10(low)); 10 ** exponent <= high; exponent += stride) {
    for (const factor of factors) {
      const value = factor * 10 ** exponent;
      if (value >= low && value <= high) ticks.push({ value, label: decadeLabel(factor, exponent) });
    }
  }
  return ticks;
}

function decadeLabel(factor: number, exponent: number): string {
  if (exponent > 5) return `${factor}e${exponent}`;
  return (factor * 10 ** exponent).toFixed(Math.max(0, -exponent));
}
