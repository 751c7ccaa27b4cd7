import { InvalidArgumentError } from 'commander';
import { groupSizes, modes, type Clip, type GroupSize, type Mode } from '../quant/schemes/scheme.ts';

/** Parsers of option values. What they throw becomes a usage error that names the option and the allowed range. */

export function integerIn(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[+-]?\d+$/.test(text) || value < minimum || value > maximum) {
      throw new InvalidArgumentError(`It must be an integer from ${minimum} to ${maximum}.`);
    }
    return value;
  };
}

export function numberIn(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = parseDecimal(text);
    if (value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`It must be a number from ${minimum} to ${maximum}.`);
  };
}

export function numberAbove(limit: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = parseDecimal(text);
    if (value > limit && value <= maximum) return value;
    throw new InvalidArgumentError(`It must be a number above ${limit} and at most ${maximum}.`);
  };
}

/** NaN for what is no decimal number. */
const parseDecimal = (text: string): number =>
  /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;

/** Values with commas between them. */
export function listOf<T>(parse: (text: string) => T): (text: string) => T[] {
  return (text) => text.split(',').map((part) => parse(part.trim()));
}

export function oneOf<T extends string>(allowed: readonly T[]): (text: string) => T {
  return (text) => {
    const found = allowed.find((value) => value === text);
    if (found === undefined) throw new InvalidArgumentError(`It must be one of ${allowed.join(', ')}.`);
    return found;
  };
}

export const parseMode: (text: string) => Mode = oneOf(modes);

export function parseGroupSize(text: string): GroupSize {
  const found = groupSizes.find((size) => String(size) === text);
  if (found === undefined) {
    throw new InvalidArgumentError(`It must be one of ${groupSizes.join(', ')} (0 = one scale per channel).`);
  }
  return found;
}

export function parseClip(text: string): Clip {
  if (text === 'minmax' || text === 'mse') return { kind: text };
  const match = /^percentile=(\d+(?:\.\d+)?)$/.exec(text);
  const percentile = Number(match?.[1]);
  if (percentile > 0 && percentile <= 100) return { kind: 'percentile', percentile };
  throw new InvalidArgumentError('It must be minmax, mse, or percentile=P with P above 0 and at most 100.');
}

const byteFactors: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** `5GB`, `512MiB`, `1000000`. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text);
  const factor = byteFactors[match?.[2].toLowerCase() ?? '?'];
  const bytes = match && factor ? Math.floor(Number(match[1]) * factor) : NaN;
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw new InvalidArgumentError('It must be a size such as 5GB, 512MiB or 1000000.');
  }
  return bytes;
}

export function parseAlpha(text: string): number | 'auto' {
  if (text === 'auto') return text;
  const value = parseDecimal(text);
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('It must be a number from 0 to 1, or auto.');
}
