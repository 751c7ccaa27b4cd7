/**
 * JSON that may be broken on purpose: keys may occur twice, and a leaf holds the characters that are written for it.
 */
export type Node =
  | { kind: 'object'; members: Member[] }
  | { kind: 'array'; items: Node[] }
  | { kind: 'string'; text: string }
  | { kind: 'word'; text: string };

export interface Member {
  key: string;
  value: Node;
}

export const word = (text: string): Node => ({ kind: 'word', text });
export const string = (text: string): Node => ({ kind: 'string', text });

/** The tree of a sound document. */
export const parseTree = (text: string): Node => toNode(JSON.parse(text));

function toNode(value: unknown): Node {
  if (typeof value === 'string') return string(value);
  if (typeof value !== 'object' || value === null) return word(JSON.stringify(value));
  if (Array.isArray(value)) return { kind: 'array', items: value.map(toNode) };
  return { kind: 'object', members: Object.entries(value).map(([key, each]) => ({ key, value: toNode(each) })) };
}

/** Halves of surrogate pairs are written as escapes. */
export function print(node: Node): string {
  switch (node.kind) {
    case 'word':
      return node.text;
    case 'string':
      return JSON.stringify(node.text);
    case 'array':
      return `[${node.items.map(print).join(',')}]`;
    case 'object':
      return `{${node.members.map(({ key, value }) => `${JSON.stringify(key)}:${print(value)}`).join(',')}}`;
  }
}

export function clone(node: Node): Node {
  switch (node.kind) {
    case 'word':
    case 'string':
      return { ...node };
    case 'array':
      return { kind: 'array', items: node.items.map(clone) };
    case 'object':
      return { kind: 'object', members: node.members.map(({ key, value }) => ({ key, value: clone(value) })) };
  }
}

/** The member of an object, if it is one and has it. */
export function memberOf(node: Node, key: string): Node | undefined {
  return node.kind === 'object' ? node.members.find((member) => member.key === key)?.value : undefined;
}

/** The integer that a leaf stands for. */
export function integerOf(node: Node): bigint | undefined {
  return node.kind === 'word' && /^-?\d{1,25}$/.test(node.text) ? BigInt(node.text) : undefined;
}
