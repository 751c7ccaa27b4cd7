import { describe, expect, it } from 'vitest';
import { shortNames } from './short-names.ts';

const commit = '0123456789abcdef0123456789abcdef01234567';

describe('shortNames', () => {
  it.each([
    [
      [{ path: '/models/float/' }, { path: 'out/w8a8' }],
      ['float', 'w8a8'],
    ],
    [
      [{ path: 'a/model' }, { path: 'b/model' }, { path: 'c' }],
      ['a/model', 'b/model', 'c'],
    ],
    [
      [{ path: 'x/a/model' }, { path: 'y/a/model' }],
      ['x/a/model', 'y/a/model'],
    ],
    [
      [{ path: './model' }, { path: 'model' }, { path: 'model/' }],
      ['model', 'model (2)', 'model (3)'],
    ],
    [
      [{ path: `org/name@${commit}` }, { path: '.' }],
      ['name@0123456', '.'],
    ],
    [
      [
        { path: 'runs/a', suffix: 'fp16' },
        { path: 'runs/a', suffix: 'w8a8' },
      ],
      ['a fp16', 'a w8a8'],
    ],
  ])('%j → %j', (names, expected) => {
    expect(shortNames(names)).toEqual(expected);
  });
});
