/** Words of C++ that Metal does not have, with the version of the language that brings them, if one does. */
const FOREIGN = new Set(
  (
    'double new delete virtual throw try catch goto dynamic_cast typeid thread_local asm __asm__ __int128 ' +
    'wchar_t char8_t char16_t char32_t co_await co_return co_yield consteval constinit concept requires import ' +
    'malloc free printf setjmp longjmp'
  ).split(' '),
);

const LAMBDAS_SINCE = 320;
const SPACES = new Set(['device', 'constant', 'threadgroup', 'thread']);
const NOT_VARIABLES = new Set(
  'using typedef template namespace static_assert struct class union enum friend extern'.split(' '),
);

/** What a C++ compiler would accept and Metal's would not. */
export function checkRules(tokens, statements, { version, diagnostics }) {
  for (const index of tokens.between(0, tokens.end)) {
    checkWord(tokens, index, diagnostics);
    if (version < LAMBDAS_SINCE && isLambda(tokens, index)) {
      diagnostics.error(tokens.all[index], 'lambdas need Metal 3.2');
    }
  }
  for (const statement of statements) {
    if (statement.body) {
      if (statement.body.kind === 'function' && statement.scope.kind !== 'function') {
        checkParameters(tokens, statement, diagnostics);
      }
      continue;
    }
    if (statement.scope.kind === 'function') checkLocal(tokens, statement, diagnostics);
    else checkGlobal(tokens, statement, diagnostics);
  }
}

function checkWord(tokens, index, diagnostics) {
  const { kind, text } = tokens.all[index];
  if (kind !== 'word' || ['.', '->', '::'].includes(tokens.text(tokens.previous(index)))) return;
  const isStandard = text === 'std' && tokens.text(tokens.next(index)) === '::';
  if (isStandard || FOREIGN.has(text)) diagnostics.error(tokens.all[index], `'${text}' is not in Metal`);
  if (text === 'long' && tokens.text(tokens.next(index)) === 'long') {
    diagnostics.error(tokens.all[index], "'long long' is not in Metal, whose long has 64 bits");
  }
}

function isLambda(tokens, index) {
  if (tokens.text(index) !== '[' || tokens.isAttribute(index)) return false;
  const before = tokens.previous(index);
  if (tokens.text(before) === '[' || tokens.text(before) === ']' || tokens.text(before) === ')') return false;
  return !tokens.isWord(before) || tokens.text(before) === 'return';
}

/** A variable at program scope or a static member lives in constant memory. */
function checkGlobal(tokens, { start, end, scope }, diagnostics) {
  let first = tokens.text(start);
  if (first === 'template' && tokens.text(tokens.next(start)) === '<') {
    start = tokens.next(tokens.closingAngle(tokens.next(start)));
    first = tokens.text(start);
  }
  if (NOT_VARIABLES.has(first) || scope.kind === 'enum') return;
  const words = [];
  for (let index = start; index < end; index = tokens.next(index)) {
    const text = tokens.text(index);
    if (tokens.isAttribute(index)) index = tokens.closing(index);
    else if (tokens.opensAngle(index)) index = tokens.closingAngle(index);
    else if (text === '(' && tokens.text(tokens.previous(index)) !== 'alignas') return;
    else if (text === '=' || text === '{' || text === '[') break;
    else if (text === 'operator') return;
    else words.push(text);
  }
  const isMember = scope.kind === 'class' && !words.includes('static');
  if (isMember || words.includes('constant') || words.length < 2) return;
  const name = words.at(-1);
  const what = scope.kind === 'class' ? 'the static member' : 'the variable';
  diagnostics.error(tokens.all[start], `${what} ${name} at program scope is not constant`);
}

function checkLocal(tokens, { start, end }, diagnostics) {
  const words = [];
  for (let index = start; index < end && tokens.isWord(index); index = tokens.next(index))
    words.push(tokens.text(index));
  if (words.includes('static')) diagnostics.error(tokens.all[start], 'Metal has no static variables in functions');
  const space = words.find((word) => word === 'device' || word === 'constant');
  const pointer = pointerOfDeclaration(tokens, start, end);
  if (space && pointer === undefined && words[0] !== 'return') {
    diagnostics.error(tokens.all[start], `a variable in ${space} memory is not declared in a function`);
  }
  if (pointer !== undefined) refuseWithoutSpace(tokens, start, pointer, diagnostics);
}

/** `const T<…> *x =`: what only a declaration looks like. The index of its `*` or `&`. */
function pointerOfDeclaration(tokens, start, end) {
  let index = start;
  let types = 0;
  for (; index < end; index = tokens.next(index)) {
    if (tokens.isWord(index)) types += tokens.text(index) === 'return' ? -Infinity : 1;
    else if (tokens.opensAngle(index) && tokens.closingAngle(index) < end) index = tokens.closingAngle(index);
    else if (tokens.text(index) !== '::') break;
  }
  if (types < 1 || !['*', '&'].includes(tokens.text(index))) return undefined;
  let name = tokens.next(index);
  while (['*', '&', 'const', 'volatile', 'restrict'].includes(tokens.text(name))) name = tokens.next(name);
  const after = tokens.next(name);
  const isDeclaration = tokens.isWord(name) && (after >= end || ['=', ',', '['].includes(tokens.text(after)));
  return isDeclaration ? index : undefined;
}

function checkParameters(tokens, { start, end }, diagnostics) {
  let open = start;
  for (; open < end && tokens.text(open) !== '('; open = tokens.next(open)) {
    if (tokens.isAttribute(open)) open = tokens.closing(open);
    else if (tokens.opensAngle(open) && tokens.closingAngle(open) < end) open = tokens.closingAngle(open);
    else if (['alignas', '__attribute__', 'decltype'].includes(tokens.text(open)))
      open = tokens.closing(tokens.next(open));
  }
  if (open >= end) return;
  for (const [from, to] of tokens.split(open + 1, tokens.closing(open))) {
    for (let index = tokens.at(from); index < to; index = tokens.next(index)) {
      const text = tokens.text(index);
      if (text === '=') break;
      if (tokens.isAttribute(index)) index = tokens.closing(index);
      else if (tokens.opensAngle(index) && tokens.closingAngle(index) < to) index = tokens.closingAngle(index);
      else if (text === '*' || text === '&' || text === '&&') {
        refuseWithoutSpace(tokens, from, index, diagnostics);
        break;
      }
    }
  }
}

function refuseWithoutSpace(tokens, from, pointer, diagnostics) {
  for (const index of tokens.between(from, pointer)) if (SPACES.has(tokens.text(index))) return;
  const what = tokens.text(pointer) === '*' ? 'pointer' : 'reference';
  diagnostics.error(tokens.all[pointer], `a ${what} without an address space: device, constant, threadgroup or thread`);
}

/** Operand types of a destination go through remove_addrspace_t: the headers of macOS 27 refuse them otherwise. */
export function checkOperandTypes(tokens, diagnostics) {
  for (const index of tokens.between(0, tokens.end)) {
    const open = tokens.next(index);
    if (tokens.text(index) !== 'get_destination_cooperative_tensor' || tokens.text(open) !== '<') continue;
    for (const [from] of tokens.split(open + 1, tokens.closingAngle(open))) {
      if (tokens.text(tokens.at(from)) === 'decltype') {
        diagnostics.error(tokens.all[tokens.at(from)], 'an operand type without metal::remove_addrspace_t');
      }
    }
  }
}
