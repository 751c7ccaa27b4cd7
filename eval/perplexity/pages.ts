/** A page of WikiText, as the task "wikitext" of lm-evaluation-harness has it. */
export interface Page {
  /** What a model reads: the page with the marks of WikiText's tokenizer undone. */
  text: string;
  /** Of the page as it stands in the raw file: pieces between white space, those before the first and after the last too. */
  words: number;
  /** Of the same in UTF-8. */
  bytes: number;
}

/**
 * Cuts the raw text of WikiText into pages: each starts at the line ` = Title = `, and ends before the line feed in front
 * of the next one. A text without such lines is one page. (Data set `EleutherAI/wikitext_document_level`.)
 */
export function splitPages(raw: string): Page[] {
  const pages: string[] = [];
  let lines: string[] = [];
  const finish = (): void => {
    const page = lines.join('\n');
    if (page.trim() !== '') pages.push(page);
    lines = [];
  };
  for (const line of raw.split('\n')) {
    if (isTitle(line)) finish();
    lines.push(line);
  }
  finish();
  return pages.map((page) => ({
    text: detokenize(page),
    words: page.split(WHITE_SPACE).length,
    bytes: Buffer.byteLength(page),
  }));
}

/** What Python's \s matches; JavaScript's has U+FEFF and lacks six control characters. */
const SPACE_CLASS = String.raw`[\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`;
const WHITE_SPACE = new RegExp(`${SPACE_CLASS}+`);
const OUTER_SPACE = new RegExp(`^${SPACE_CLASS}+|(?<!${SPACE_CLASS})${SPACE_CLASS}+$`, 'g');

/** ` = Title = `, but not ` = = Section = = `. */
function isTitle(line: string): boolean {
  const joined = line.replaceAll('= = =', '===').replaceAll('= =', '==').trim();
  return joined.startsWith('= ') && joined.endsWith(' =');
}

/** In this order, one after the other. */
const spacedMarks: readonly (readonly [string, string])[] = [
  ["s '", "s'"],
  // Number separators.
  [' @-@ ', '-'],
  [' @,@ ', ','],
  [' @.@ ', '.'],
  // Punctuation.
  [' : ', ': '],
  [' ; ', '; '],
  [' . ', '. '],
  [' ! ', '! '],
  [' ? ', '? '],
  [' , ', ', '],
];
const brackets: readonly (readonly [string, string])[] = [
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
  ['"', '"'],
  ["'", "'"],
];
const headingsAndRest: readonly (readonly [string, string])[] = [
  ['= = = =', '===='],
  ['= = =', '==='],
  ['= =', '=='],
  [' ° ', '°'],
  [' \n', '\n'],
  ['\n ', '\n'],
  [' N ', ' 1 '],
  [" 's", "'s"],
];

/**
 * `wikitext_detokenizer` of lm-evaluation-harness, in time that grows with the text however its brackets are. Left out
 * is a rule of it that changes a text only where it has `/' 5/`, by a mistake in its pattern.
 */
function detokenize(page: string): string {
  let text = page;
  for (const [spaced, plain] of spacedMarks) text = text.replaceAll(spaced, plain);
  for (const [open, close] of brackets) text = trimInside(text, open, close);
  for (const [spaced, plain] of headingsAndRest) text = text.replaceAll(spaced, plain);
  return text;
}

/** Takes white space away between each `open` and the next `close`; pairs are sought one after the other. */
function trimInside(text: string, open: string, close: string): string {
  const pieces: string[] = [];
  let from = 0;
  for (;;) {
    const start = text.indexOf(open, from);
    const end = start === -1 ? -1 : text.indexOf(close, start + 1);
    if (end === -1) break;
    pieces.push(text.slice(from, start), open, text.slice(start + 1, end).replace(OUTER_SPACE, ''), close);
    from = end + 1;
  }
  return pieces.join('') + text.slice(from);
}
