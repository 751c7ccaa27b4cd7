import { describe, expect, it } from 'vitest';
import { integerIn, numberAbove, numberIn, parseBytes, parseClip, parseGroupSize, parseMode } from './options.ts';

describe('parseBytes', () => {
  it.each([
    ['5GB', 5e9],
    ['512MiB', 512 * 2 ** 20],
    ['1.5kB', 1500],
    ['1000000', 1e6],
  ])('%s', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each(['', '0', '-1', '5XB', '1e3', 'GB', '99999999TB'])('refuses %j', (text) => {
    expect(() => parseBytes(text)).toThrow(/such as 5GB/);
  });
});

describe('parseClip', () => {
  it.each([
    ['minmax', { kind: 'minmax' }],
    ['mse', { kind: 'mse' }],
    ['percentile=99.9', { kind: 'percentile', percentile: 99.9 }],
    ['percentile=100', { kind: 'percentile', percentile: 100 }],
  ])('%s', (text, clip) => {
    expect(parseClip(text)).toEqual(clip);
  });

  it.each(['', 'percentile', 'percentile=0', 'percentile=101', 'percentile=-1', 'max'])('refuses %j', (text) => {
    expect(() => parseClip(text)).toThrow(/minmax, mse, or percentile/);
  });
});

describe('decimal numbers', () => {
  it.each([
    ['0', 0],
    ['0.7', 0.7],
    ['.5', 0.5],
    ['1e-1', 0.1],
    ['2', 2],
  ])('%s', (text, value) => {
    expect(numberIn(0, 2)(text)).toBe(value);
  });

  it('name the allowed range when they refuse', () => {
    for (const text of ['-1', '2.1', '', 'NaN', 'Infinity', '0x1', '1,5', 'e1']) {
      expect(() => numberIn(0, 2)(text)).toThrow('a number from 0 to 2.');
    }
    expect(numberAbove(0, 1)('1')).toBe(1);
    for (const text of ['0', '1.1', '-0.5', 'x']) {
      expect(() => numberAbove(0, 1)(text)).toThrow('a number above 0 and at most 1.');
    }
  });
});

describe('integers, group sizes and modes', () => {
  it('name the allowed range when they refuse', () => {
    expect(integerIn(1, 8)('8')).toBe(8);
    for (const text of ['0', '9', 'NaN', '1.5', '', '1e1', '0x1']) {
      expect(() => integerIn(1, 8)(text)).toThrow(/from 1 to 8/);
    }
    expect(parseGroupSize('64')).toBe(64);
    expect(() => parseGroupSize('63')).toThrow(/0, 32, 64, 128, 256/);
    expect(parseMode('w4a8')).toBe('w4a8');
    expect(() => parseMode('w2a8')).toThrow(/w8a8, w4a8, w8a16, w4a16/);
  });
});
