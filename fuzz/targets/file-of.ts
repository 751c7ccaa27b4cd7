import type { Input } from '../target.ts';

/** The file that an input consists of, or one of several. */
export function fileOf(input: Input, name: string): Uint8Array {
  const bytes = input.get(name);
  if (!bytes) throw new Error(`the input lacks ${name}`);
  return bytes;
}
