const ELEMENTS = 'bool char uchar short ushort int uint long ulong half bfloat float'.split(' ');
const VECTORS = new Set(ELEMENTS.flatMap((element) => [2, 3, 4].map((size) => `${element}${size}`)));
const SPACES = new Set(['device', 'constant', 'threadgroup']);

/**
 * What a compiler that tells address spaces apart needs to be told more: how to make its own vectors, and that structs are
 * copied out of any memory.
 */
export function prepareForStrict(tokens, statements) {
  for (const index of tokens.between(0, tokens.end)) makeVector(tokens, index);
  const shared = sharedTypes(tokens);
  for (const { start, end, body } of statements) {
    if (body?.kind !== 'class') continue;
    const key = [...tokens.between(start, end)].findLast((index) => ['struct', 'class'].includes(tokens.text(index)));
    const name = key === undefined ? '' : tokens.text(tokens.next(key));
    if (shared.has(name)) addCopies(tokens, name, end);
  }
}

/** `float4(a, b)` and `vec<T, 4>(a, b)` as calls of a function. */
function makeVector(tokens, index) {
  let end = index;
  if (tokens.text(index) === 'vec' && tokens.text(tokens.next(index)) === '<') {
    end = tokens.closingAngle(tokens.next(index));
  } else if (!VECTORS.has(tokens.text(index))) return;
  const open = tokens.next(end);
  if (!['(', '{'].includes(tokens.text(open)) || ['*', '&'].includes(tokens.text(tokens.next(open)))) return;
  const type = tokens.source(index, end + 1);
  const close = tokens.closing(open);
  tokens.replace(index, end + 1, `emulator::make<${type}>`);
  tokens.all[open].text = '(';
  tokens.all[close].text = ')';
}

/** Names of types that live in memory other than a lane's own. */
function sharedTypes(tokens) {
  const names = new Set();
  for (const index of tokens.between(0, tokens.end)) {
    if (!SPACES.has(tokens.text(index))) continue;
    let name = tokens.next(index);
    while (['const', 'volatile', 'struct'].includes(tokens.text(name))) name = tokens.next(name);
    if (tokens.isWord(name) && tokens.text(name) !== 'constexpr') names.add(tokens.text(name));
  }
  return names;
}

function addCopies(tokens, name, brace) {
  const close = tokens.closing(brace);
  for (const index of tokens.between(brace, close)) {
    const isConstructor = tokens.text(index) === name && tokens.text(tokens.next(index)) === '(';
    if (isConstructor) return;
  }
  tokens.all[brace].text += ` EMULATOR_COPIES(${name})`;
}
