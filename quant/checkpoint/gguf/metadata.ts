import { quoted } from '../quoted.ts';
import { failGguf } from './failure.ts';
import type { GgufValue, TypedValue } from './metadata-value.ts';

/** Typed access to metadata that nobody vouches for. An absent key is `undefined`; one of another type is refused. */
export class GgufMetadata {
  /** Basename, for messages. */
  readonly file: string;
  private readonly values: ReadonlyMap<string, TypedValue>;
  private readonly asked = new Set<string>();

  constructor(file: string, values: ReadonlyMap<string, TypedValue>) {
    this.file = file;
    this.values = values;
  }

  has(key: string): boolean {
    this.asked.add(key);
    return this.values.has(key);
  }

  /** Keys that begin with `prefix` and that nobody has asked for. */
  unasked(prefix: string): string[] {
    return [...this.values.keys()].filter((key) => key.startsWith(prefix) && !this.asked.has(key));
  }

  keys(prefix: string): string[] {
    return [...this.values.keys()].filter((key) => key.startsWith(prefix));
  }

  string(key: string): string | undefined {
    return this.read(key, 'a string', ({ value }) => (typeof value === 'string' ? value : undefined));
  }

  boolean(key: string): boolean | undefined {
    return this.read(key, 'true or false', ({ value }) => (typeof value === 'boolean' ? value : undefined));
  }

  /** From 0 to 2^53 - 1. */
  integer(key: string): number | undefined {
    return this.read(key, 'an integer of 0 or more', ({ value }) => (isCount(value) ? value : undefined));
  }

  /** An integer, or a list with the same for every layer. */
  uniformInteger(key: string): number | undefined {
    return this.read(key, 'an integer of 0 or more, the same for all layers', ({ value }) => {
      const [first, ...rest] = Array.isArray(value) ? (value as readonly GgufValue[]) : [value];
      return isCount(first) && rest.every((each) => each === first) ? first : undefined;
    });
  }

  /** A finite number. One of 32 bits is the shortest decimal that means it: 1e-5, and not 9.999999747378752e-6. */
  number(key: string): number | undefined {
    return this.read(key, 'a finite number', ({ type, value }) => {
      if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
      return type === 'f32' ? shortestDecimal(value) : value;
    });
  }

  strings(key: string): readonly string[] | undefined {
    return this.read(key, 'a list of strings', ({ value }) => {
      return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
    });
  }

  numbers(key: string): readonly number[] | undefined {
    return this.read(key, 'a list of numbers', ({ value }) => {
      return Array.isArray(value) && value.every((item) => typeof item === 'number') ? value : undefined;
    });
  }

  booleans(key: string): readonly boolean[] | undefined {
    return this.read(key, 'a list of true and false', ({ value }) => {
      return Array.isArray(value) && value.every((item) => typeof item === 'boolean') ? value : undefined;
    });
  }

  isList(key: string): boolean {
    return Array.isArray(this.values.get(key)?.value);
  }

  required<T>(key: string, value: T | undefined): T {
    return value ?? failGguf(this.file, 'E_GGUF_KEY_MISSING', `the key ${quoted(key)} is missing`, { key });
  }

  /** Refuses a key whose value has another meaning than what is supported. */
  refuse(key: string, why: string): never {
    const { value } = this.values.get(key) ?? { value: 'missing' };
    const shown = Array.isArray(value) ? 'a list' : typeof value === 'string' ? quoted(value) : String(value);
    return failGguf(this.file, 'E_GGUF_KEY', `${quoted(key).slice(1, -1)} is ${shown}; ${why}`, { key, value: shown });
  }

  private read<T>(key: string, expected: string, accept: (value: TypedValue) => T | undefined): T | undefined {
    this.asked.add(key);
    const found = this.values.get(key);
    if (!found) return undefined;
    const accepted = accept(found);
    return accepted === undefined ? this.refuse(key, `expected ${expected}`) : accepted;
  }
}

const isCount = (value: GgufValue): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** Digits that tell all numbers of 32 bits apart. */
const F32_DIGITS = 9;

/** The number with the fewest decimal digits that rounds to this f32. */
export function shortestDecimal(value: number): number {
  for (let digits = 1; digits <= F32_DIGITS; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
