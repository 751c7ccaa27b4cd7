import { describe, expect, it } from 'vitest';
import { formatBytes, formatSeconds, formatTable, left, printable, printableLines, right } from './text.ts';

describe('printable', () => {
  it('shows control characters and direction marks as escapes', () => {
    expect(printable('a\u001b[31mb\nc\u202ed')).toBe('a\\x1b[31mb\\x0ac\\u202ed');
  });

  it('leaves letters of any script alone', () => {
    expect(printable('Größe 模型')).toBe('Größe 模型');
  });
});

describe('printableLines', () => {
  it('keeps lines and tabs, and shows other control characters as escapes', () => {
    expect(printableLines('a\n\tb\r\n\u001b[2J')).toBe('a\n\tb\\x0d\n\\x1b[2J');
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [1_234_567, '1.23 MB'],
    [999_600, '1.00 MB'],
    [16_060_522_496, '16.1 GB'],
  ])('%d is %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('formatSeconds', () => {
  it.each([
    [-1, '0s'],
    [9.4, '9s'],
    [59.6, '1m00s'],
    [80, '1m20s'],
    [3599, '59m59s'],
    [3599.5, '1h00m'],
    [93_784, '26h03m'],
  ])('%d is %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });
});

describe('formatTable', () => {
  it('pads columns to their widest cell', () => {
    const columns = [left('name'), right('bytes')] as const;
    expect(
      formatTable(columns, [
        ['a', '1'],
        ['longer', '1234567'],
      ]),
    ).toBe(['name      bytes', 'a             1', 'longer  1234567'].join('\n'));
  });
});
