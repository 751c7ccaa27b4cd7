import { describe, expect, it } from 'vitest';
import { splitPages } from './pages.ts';

const detokenized = (page: string): string => splitPages(page)[0].text;

describe('splitPages', () => {
  it('starts a page at each title, but not at headings within it', () => {
    const raw = ' \n = One = \n \n First . \n \n = = Part = = \n \n Second . \n \n = Two = \n Third . \n';
    expect(splitPages(raw).map(({ text }) => text)).toEqual([
      ' = One =\n\nFirst.\n\n== Part ==\n\nSecond.\n',
      ' = Two =\nThird.\n',
    ]);
  });

  it('takes a text without titles for one page', () => {
    expect(splitPages('No title here .\n= = Only a section = =\n')).toHaveLength(1);
  });

  it('counts words and bytes before it detokenizes, with the empty words at either end', () => {
    expect(splitPages(' = T = \n \n 1 @,@ 5 é \n')).toMatchObject([{ words: 9, bytes: 23 }]);
    expect(splitPages('a\u0085b\ufeffc d')).toMatchObject([{ words: 3 }]);
  });

  it.each([
    ['well @-@ known 1 @,@ 200 and 2 @.@ 5', 'well-known 1,200 and 2.5'],
    ['a , b . c : d ; e ! f ? g', 'a, b. c: d; e! f? g'],
    ["the keeper 's wife and the boys ' ship", "the keeper's wife and the boys' ship"],
    // The marks are taken for a pair of quotes.
    ["the keepers ' house , the keeper 's wife", "the keepers'house, the keeper's wife"],
    ['( one ) [ two ] { three }', '(one) [two] {three}'],
    ['" one " and " two "', '"one" and "two"'],
    ['54 ° 20 and N times', '54°20 and 1 times'],
    ['an open ( bracket and a closed one ) ( again', 'an open (bracket and a closed one) ( again'],
    ['(\u0085x\ufeff )', '(x\ufeff)'],
  ])('detokenizes %j', (spaced, plain) => {
    expect(detokenized(spaced)).toBe(plain);
  });

  it('takes no longer for many brackets that stay open', () => {
    const open = '(   '.repeat(200_000);
    expect(detokenized(open)).toBe(open);
  });
});
