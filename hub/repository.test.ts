import fc from 'fast-check';
import { win32, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeRepository, isInnerPath, parseModelId } from './repository.ts';

describe('parseModelId', () => {
  it.each([
    ['Qwen/Qwen3-0.6B', 'Qwen/Qwen3-0.6B', 'main'],
    ['hf://a/b', 'a/b', 'main'],
    ['a/b@v1.0', 'a/b', 'v1.0'],
    ['hf://a_b/c.d@refs/pr/1', 'a_b/c.d', 'refs/pr/1'],
  ])('reads %s', (argument, id, revision) => {
    expect(parseModelId(argument)).toEqual({ kind: 'model', id, revision });
  });

  it.each([
    ...['', 'gpt2', 'a/', '/a', './a', '../a', 'a/b/c', 'a//b', '~/a', 'a\\b', 'C:/a', 'a/b ', 'a/b?x', 'a/b#x'],
    ...['a/..', 'a/b..c', 'a/b--c', 'a/.b', 'a/-b', 'a/b-', 'a/b.', 'a/b.git', `a/${'b'.repeat(97)}`, 'a/ü', 'a/b\n'],
    ...['a/b@', 'a/b@../c', 'a/b@/c', 'a/b@c/', 'a/b@c//d', 'a/b@.', 'a/b@c d', 'a/b@c?d', `a/b@${'c'.repeat(201)}`],
    ...['https://huggingface.co/a/b', 'hf://a', 'hf:///a/b'],
  ])('takes %j for no model of the Hub', (argument) => {
    expect(parseModelId(argument)).toBeUndefined();
  });
});

describe('isInnerPath', () => {
  it('lets through what stays inside, on every system', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', '..', '.', '', '\\', 'C:', '/', 'b.json'), { minLength: 1 }),
        (parts) => {
          const path = parts.join('/');
          if (!isInnerPath(path)) return;
          expect(posix.resolve('/root', path)).toBe(`/root/${path}`);
          expect(win32.resolve('D:\\root', path)).toBe(`D:\\root\\${path.replaceAll('/', '\\')}`);
        },
      ),
    );
  });

  it.each(['', '/etc/passwd', 'a/../b', '..', 'a/', './a', 'C:\\x', 'c:x', '\\\\host\\s', 'a\\..\\b', 'a\0b', 'a\nb'])(
    'refuses %j',
    (path) => {
      expect(isInnerPath(path)).toBe(false);
    },
  );

  it('takes files of folders, and names with odd characters', () => {
    for (const path of ['config.json', 'a/b/c.parquet', 'a..b', 'sätze.txt', 'a b', 'xy:z']) {
      expect(isInnerPath(path)).toBe(true);
    }
  });
});

it('names a repository as a user writes it', () => {
  expect(describeRepository({ kind: 'model', id: 'a/b', revision: 'main' })).toBe('a/b');
  expect(describeRepository({ kind: 'dataset', id: 'a/b', revision: 'v1' })).toBe('dataset a/b@v1');
});
