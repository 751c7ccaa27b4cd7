/** Attributes that C++ knows, or that change nothing. */
const KEPT = new Set(['maybe_unused', 'nodiscard', 'likely', 'unlikely', 'fallthrough', 'always_inline', 'noinline']);

/**
 * The attributes of a range, each with its arguments; `remove` takes them out of the source.
 *
 * @returns {{ name: string, arguments: string, index: number }[]}
 */
export function attributesIn(tokens, from, to, { remove = false } = {}) {
  const found = [];
  for (let index = tokens.at(from); index < to; index = tokens.next(index)) {
    if (!tokens.isAttribute(index)) continue;
    const close = tokens.closing(index);
    const inner = tokens.next(index);
    const all = tokens
      .split(inner + 1, tokens.previous(close))
      .map(([start, end]) => readAttribute(tokens, start, end));
    if (all.every(isKept)) {
      index = close;
      continue;
    }
    found.push(...all);
    if (remove) tokens.replace(index, close + 1, '');
    index = close;
  }
  return found;
}

function readAttribute(tokens, start, end) {
  let index = tokens.at(start);
  const first = index;
  let name = tokens.text(index);
  if (tokens.text(tokens.next(index)) === '::') {
    index = tokens.next(tokens.next(index));
    name = name === 'metal' ? tokens.text(index) : `${name}::${tokens.text(index)}`;
  }
  const open = tokens.next(index);
  const text = tokens.text(open) === '(' && open < end ? tokens.source(open + 1, tokens.closing(open)) : '';
  return { name, arguments: text, index: first };
}

const isKept = ({ name }) => KEPT.has(name) || name.startsWith('clang::') || name.startsWith('gnu::');

/** Whatever attribute no pass has taken is one that would be ignored. */
export function refuseOthers(tokens, diagnostics) {
  for (const { name, index } of attributesIn(tokens, 0, tokens.end)) {
    diagnostics.error(tokens.all[index], `the attribute [[${name}]] is not emulated here`);
  }
}
