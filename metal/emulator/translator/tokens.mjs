const TOKEN =
  /(?<directive>^[ \t]*#[^\n]*)|(?<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(?<word>[A-Za-z_]\w*)|(?<number>\.?\d(?:[eEpP][+-]|[\w.'])*)|(?<space>\s+)|(?<punctuation>::|->|\+\+|--|&&|\|\||[-+*/%&|^=!<>]=|[^\s\w])/gmy;

const LINE_MARKER = /^\s*#\s*(?:line\s+)?(\d+)\s+"((?:\\.|[^"\\])*)"/;

const CLOSING = { '(': ')', '[': ']', '{': '}' };

/** A preprocessed source as tokens. Passes change their text; the line breaks stay, so that the lines stay. */
export class Tokens {
  constructor(text) {
    this.all = [];
    let file = '';
    let line = 1;
    let lineStart = 0;
    for (const match of text.matchAll(TOKEN)) {
      const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
      const token = { kind, text: match[0], file, line, column: match.index - lineStart + 1 };
      this.all.push(token);
      const marker = kind === 'directive' && LINE_MARKER.exec(match[0]);
      if (marker) {
        line = Number(marker[1]) - 1;
        file = marker[2].replaceAll('\\\\', '\\');
      }
      const breaks = match[0].split('\n').length - 1;
      if (breaks > 0) {
        line += breaks;
        lineStart = match.index + match[0].lastIndexOf('\n') + 1;
      }
    }
    this.end = this.all.length;
  }

  text(index) {
    return this.all[index]?.text ?? '';
  }

  isWord(index) {
    return this.all[index]?.kind === 'word';
  }

  #isSignificant(index) {
    const { kind, text } = this.all[index];
    return kind !== 'space' && kind !== 'directive' && text !== '';
  }

  /** The next token from `index` on that is neither space nor directive. */
  at(index) {
    while (index < this.end && !this.#isSignificant(index)) index++;
    return index;
  }

  next(index) {
    return this.at(index + 1);
  }

  previous(index) {
    for (index--; index >= 0 && !this.#isSignificant(index); index--);
    return index;
  }

  /** The bracket that closes the one at `index`; the end of the source if none does. */
  closing(index) {
    const open = this.text(index);
    const close = CLOSING[open];
    let depth = 0;
    for (; index < this.end; index++) {
      if (this.all[index].kind !== 'punctuation') continue;
      if (this.text(index) === open) depth++;
      else if (this.text(index) === close && --depth === 0) return index;
    }
    return this.end;
  }

  /** The `>` that closes the `<` at `index`. */
  closingAngle(index) {
    let depth = 0;
    for (; index < this.end; index = this.next(index)) {
      const text = this.text(index);
      if (text in CLOSING) index = this.closing(index);
      else if (text === '<') depth++;
      else if (text === '>' && --depth === 0) return index;
      else if (text === ';') break;
    }
    return this.end;
  }

  /** Whether a `<` follows a name, as the brackets of template arguments do. */
  opensAngle(index) {
    const before = this.previous(index);
    return this.text(index) === '<' && this.isWord(before) && this.text(before) !== 'operator';
  }

  isAttribute(index) {
    return this.text(index) === '[' && this.text(index + 1) === '[';
  }

  /** Significant tokens from `from` up to `to`, without it. */
  *between(from, to) {
    for (let index = this.at(from); index < to; index = this.next(index)) yield index;
  }

  /** The source of a range, in one line. */
  source(from, to) {
    return this.all
      .slice(from, to)
      .filter(({ kind }) => kind !== 'directive')
      .map(({ text }) => text)
      .join('')
      .replace(/\s+/g, ' ')
      .trim();
  }

  /** Puts `text` in the place of a range. */
  replace(from, to, text) {
    for (let index = from; index < to; index++) {
      const token = this.all[index];
      if (token.kind !== 'directive') token.text = token.text.replace(/[^\n]/g, '');
    }
    this.all[from].text = text + this.all[from].text;
  }

  /** Splits a range at the commas that are in no brackets. */
  split(from, to) {
    const parts = [];
    let start = from;
    for (let index = this.at(from); index < to; index = this.next(index)) {
      const text = this.text(index);
      if (text in CLOSING) index = this.closing(index);
      else if (this.opensAngle(index)) {
        const close = this.closingAngle(index);
        if (close < to) index = close;
      } else if (text === ',') {
        parts.push([start, index]);
        start = index + 1;
      }
    }
    if (this.at(start) < to) parts.push([start, to]);
    return parts;
  }

  toString() {
    return this.all.map(({ text }) => text).join('');
  }
}
