import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { element, text } from './svg.ts';

describe('element', () => {
  it('writes attributes and children', () => {
    expect(element('g', { class: 'a' }, element('line', { x1: 0, y1: 1.005 }), text('b'))).toBe(
      '<g class="a"><line x1="0" y1="1"/>b</g>',
    );
  });

  it.each([
    [1 / 3, '0.33'],
    [-0.001, '0'],
    [12, '12'],
    [1.999, '2'],
  ])('rounds %d to %s', (value, written) => {
    expect(element('a', { value })).toBe(`<a value="${written}"/>`);
  });

  it.each([NaN, Infinity])('refuses %d', (value) => {
    expect(() => element('a', { value })).toThrow(RangeError);
  });
});

describe('text', () => {
  it('writes what XML gives a meaning as entities, and replaces what it forbids', () => {
    expect(text('<a href="b">&</a>')).toBe('&lt;a href=&quot;b&quot;&gt;&amp;&lt;/a&gt;');
    expect(text('a\u0000b\u001bc\uffffd\ud800e')).toBe('a\ufffdb\ufffdc\ufffdd\ufffde');
    expect(text('模型 🍎')).toBe('模型 🍎');
  });

  it('leaves nothing that could end a text or an attribute', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (content) => {
        expect(text(content)).not.toMatch(/[<>"]|&(?!(amp|lt|gt|quot);)/);
      }),
    );
  });
});
