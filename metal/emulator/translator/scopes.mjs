/**
 * The statements of a source with the scope that each stands in.
 *
 * @typedef {{ kind: 'namespace' | 'class' | 'enum' | 'function', name?: string, isKernel?: boolean,
 *   parent: Scope | null }} Scope
 * @typedef {{ start: number, end: number, scope: Scope, body: Scope | null }} Statement from `start` to its `;`, or to the
 *   `{` of its body
 */

const CLASS_KEYS = new Set(['struct', 'class', 'union']);
const WITH_PARENTHESES = new Set(['alignas', '__attribute__', 'decltype', 'requires']);

/** @returns {Statement[]} in the order of the source */
export function findStatements(tokens) {
  const statements = [];
  walk(tokens, 0, tokens.end, { kind: 'namespace', parent: null }, statements);
  return statements.sort((a, b) => a.start - b.start);
}

function walk(tokens, from, to, scope, statements) {
  let start = tokens.at(from);
  for (let index = start; index < to; index = tokens.next(index)) {
    const text = tokens.text(index);
    if (text === '(' || text === '[') {
      const close = tokens.closing(index);
      walkBrackets(tokens, index + 1, close, scope, statements);
      index = close;
    } else if (text === '{') {
      const close = tokens.closing(index);
      const body = bodyOf(tokens, start, index, scope);
      if (body) {
        statements.push({ start, end: index, scope, body });
        if (body.kind !== 'enum') walk(tokens, index + 1, close, body, statements);
        start = tokens.next(close);
        if (body.kind === 'class' || body.kind === 'enum') while (start < to && tokens.text(start) !== ';') start++;
      } else {
        walkBrackets(tokens, index + 1, close, scope, statements);
      }
      index = close;
    } else if (text === ';') {
      if (index > start) statements.push({ start, end: index, scope, body: null });
      start = tokens.next(index);
    } else if (text === ':' && isLabel(tokens, start, index)) {
      start = tokens.next(index);
    }
  }
}

/** Brackets hold no statements but those of lambdas. */
function walkBrackets(tokens, from, to, scope, statements) {
  for (const index of tokens.between(from, to)) {
    if (tokens.text(index) === '{' && [')', ']'].includes(tokens.text(tokens.previous(index)))) {
      const body = { kind: 'function', parent: scope };
      walk(tokens, index + 1, tokens.closing(index), body, statements);
    }
  }
}

function isLabel(tokens, start, colon) {
  const first = tokens.text(start);
  if (['case', 'default', 'public', 'private', 'protected'].includes(first)) return true;
  return tokens.next(start) === colon && tokens.isWord(start);
}

/** The scope that a `{` opens; null for the braces of an initializer. */
function bodyOf(tokens, start, brace, parent) {
  const words = new Set();
  let hasParameters = false;
  let isAssigned = false;
  let key = '';
  for (let index = start; index < brace; index = tokens.next(index)) {
    const text = tokens.text(index);
    if (tokens.isAttribute(index)) {
      index = tokens.closing(index);
    } else if (tokens.opensAngle(index)) {
      const close = tokens.closingAngle(index);
      if (close < brace) index = close;
    } else if (text === '(' || text === '[') {
      if (!WITH_PARENTHESES.has(tokens.text(tokens.previous(index)))) hasParameters = true;
      index = tokens.closing(index);
    } else {
      if (text === '=' || text === 'return') isAssigned = true;
      if (CLASS_KEYS.has(text) && !key) key = text;
      words.add(text);
    }
  }
  if (words.has('namespace') || (words.has('extern') && tokens.text(tokens.previous(brace)).startsWith('"'))) {
    const name = tokens.text(tokens.previous(brace));
    return { kind: 'namespace', name: name === 'namespace' ? '' : name, parent };
  }
  if (words.has('enum')) return { kind: 'enum', parent };
  if (key && !hasParameters && !isAssigned) return { kind: 'class', parent };
  if (parent.kind === 'function') {
    const before = tokens.text(tokens.previous(brace));
    const opensBlock = brace === start || [')', ']', 'else', 'do'].includes(before);
    return opensBlock && !(isAssigned && before !== ')') ? { ...parent, parent } : null;
  }
  if (!hasParameters || isAssigned) return null;
  const { name, isKernel } = functionHead(tokens, start, brace);
  return { kind: 'function', name, isKernel, parent };
}

/** Name, parameters and kind of the function that is declared from `start` to `end`. */
export function functionHead(tokens, start, end) {
  let isKernel = false;
  for (let index = start; index < end; index = tokens.next(index)) {
    const text = tokens.text(index);
    if (tokens.isAttribute(index)) {
      const close = tokens.closing(index);
      for (const inside of tokens.between(index, close)) if (tokens.text(inside) === 'kernel') isKernel = true;
      index = close;
    } else if (tokens.opensAngle(index)) {
      const close = tokens.closingAngle(index);
      if (close < end) index = close;
    } else if (text === 'kernel') {
      isKernel = true;
    } else if (text === '(') {
      const before = tokens.previous(index);
      if (!WITH_PARENTHESES.has(tokens.text(before))) {
        return { name: tokens.text(before), isKernel, open: index, close: tokens.closing(index) };
      }
      index = tokens.closing(index);
    }
  }
  return { name: '', isKernel, open: end, close: end };
}

/** The namespaces around a scope, as a prefix of a name in it. */
export function qualifier(scope) {
  const parts = [];
  for (let outer = scope; outer; outer = outer.parent)
    if (outer.kind === 'namespace' && outer.name) parts.unshift(outer.name);
  return parts.map((name) => `${name}::`).join('');
}
