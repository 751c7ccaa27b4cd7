/**
 * `threadgroup float x[32];` in a kernel becomes a reference into memory that all lanes of the threadgroup share. One that
 * were left alone would be a variable of each lane, so whatever is not understood is an error.
 */
export function translateThreadgroupVariables(tokens, statements, diagnostics) {
  let count = 0;
  for (const { start, end, scope, body } of statements) {
    if (scope.kind !== 'function' || body) continue;
    const word = findWord(tokens, start, end);
    if (word === undefined || isPointer(tokens, word, end)) continue;
    const place = tokens.all[word];
    if (!scope.isKernel) {
      diagnostics.error(place, 'a threadgroup variable is declared in the body of a kernel, not in other functions');
      continue;
    }
    const declared = readDeclaration(tokens, start, word, end);
    if (!declared) {
      diagnostics.error(place, `a threadgroup variable that is not understood: ${tokens.source(start, end)}`);
      continue;
    }
    const variables = declared.variables.map(({ name, dimensions }) => {
      const type = `emulator_threadgroup_${count++}`;
      return (
        `struct ${type} { ${declared.type} variable${dimensions}; }; ` +
        `auto &${name} = emulator::threadgroup_variable<${type}>().variable;`
      );
    });
    tokens.replace(start, end, variables.join(' ').slice(0, -1));
  }
}

/** Outside of brackets: elsewhere it belongs to a cast, a parameter or a template argument. */
function findWord(tokens, start, end) {
  for (let index = start; index < end; index = tokens.next(index)) {
    const text = tokens.text(index);
    if (text === 'threadgroup') return index;
    if (text === '(' || text === '[' || text === '{') index = tokens.closing(index);
    else if (tokens.opensAngle(index) && tokens.closingAngle(index) < end) index = tokens.closingAngle(index);
    else if (text === '=') return undefined;
  }
  return undefined;
}

function isPointer(tokens, word, end) {
  for (let index = word; index < end; index = tokens.next(index)) {
    const text = tokens.text(index);
    if (text === '*' || text === '&') return true;
    if (text === '=' || text === '[') return false;
    if (text === '(') return ['*', '&'].includes(tokens.text(tokens.next(index)));
    if (tokens.opensAngle(index)) index = tokens.closingAngle(index);
  }
  return false;
}

/** Type, and the variables with the dimensions of each; undefined if there is more to it. */
function readDeclaration(tokens, start, word, end) {
  const parts = tokens.split(word + 1, end).map(([from, to]) => {
    let bracket = tokens.at(from);
    for (; bracket < to && tokens.text(bracket) !== '['; bracket = tokens.next(bracket)) {
      if (tokens.opensAngle(bracket)) bracket = tokens.closingAngle(bracket);
      else if (tokens.text(bracket) === '(') bracket = tokens.closing(bracket);
    }
    const name = tokens.previous(bracket);
    return { from, name, dimensions: tokens.source(bracket, to) };
  });
  const before = tokens.source(start, word);
  const isPlain = parts.every(
    ({ name, dimensions }, index) =>
      tokens.isWord(name) && /^(\[.*\])?$/.test(dimensions) && (index === 0 || tokens.at(parts[index].from) === name),
  );
  const type = `${before} ${tokens.source(word + 1, parts[0].name)}`.trim();
  if (!isPlain || type === '' || type.includes('=')) return undefined;
  return { type, variables: parts.map(({ name, dimensions }) => ({ name: tokens.text(name), dimensions })) };
}
