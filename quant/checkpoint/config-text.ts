/** A member of the object that a JSON text is. */
interface Member {
  name: string;
  /** Where its name begins, and where its value ends. */
  begin: number;
  end: number;
}

/**
 * The text of a JSON object without some of its members. All the rest stays as it was written, so that 1e-05 and 10000.0
 * reach loaders that tell integers from floats as they were.
 *
 * @param text that `parseJson` accepts as an object
 */
export function withoutMembers(text: string, names: readonly string[]): string {
  const members = topMembers(text);
  const kept = members.filter(({ name }) => !names.includes(name));
  if (kept.length === members.length) return text;
  const [first] = members;
  const last = members[members.length - 1];
  const between = text.slice(text.indexOf('{') + 1, first.begin);
  const list = kept.map(({ begin, end }) => text.slice(begin, end)).join(`,${between}`);
  return `${text.slice(0, first.begin)}${list}${text.slice(last.end)}`;
}

function topMembers(text: string): Member[] {
  const members: Member[] = [];
  let depth = 0;
  let at = 0;
  let name: { text: string; begin: number } | undefined;
  let end = 0;
  const finish = (): void => {
    if (name) members.push({ name: name.text, begin: name.begin, end });
    name = undefined;
  };
  while (at < text.length) {
    const character = text[at];
    if (character === '"') {
      const begin = at;
      at = endOfString(text, at);
      if (depth === 1 && !name) name = { text: JSON.parse(text.slice(begin, at)) as string, begin };
      end = at;
      continue;
    }
    if (depth === 1 && (character === ',' || character === '}')) finish();
    if (character === '{' || character === '[') depth++;
    if (character === '}' || character === ']') depth--;
    at++;
    if (!/\s/.test(character)) end = at;
  }
  return members;
}

/** @param start of its opening quote */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}
