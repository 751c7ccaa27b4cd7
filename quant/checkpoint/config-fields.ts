import { InputError } from '../errors.ts';
import { quoted } from './quoted.ts';
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from './strict-json.ts';

export interface Range {
  min: number;
  max: number;
}

/**
 * Typed access to the members of an untrusted JSON object. A member that is absent or null is `undefined`; one of
 * another type or out of range is an `InputError` that names the file, the member, its value and what was expected.
 */
export class ConfigFields {
  readonly file: string;
  readonly object: JsonObject;
  private readonly path: string;

  /** `path` leads from the top of the file to the object, as in `rope_scaling.`; empty at the top. */
  constructor(file: string, object: JsonObject, path = '') {
    this.file = file;
    this.object = object;
    this.path = path;
  }

  /** Names of the members that are not null. */
  get names(): string[] {
    return [...this.object.keys()].filter((name) => this.has(name));
  }

  has(name: string): boolean {
    return (this.object.get(name) ?? undefined) !== undefined;
  }

  integer(name: string, range: Range): number | undefined {
    return this.read(name, `an integer from ${range.min} to ${range.max}`, (value) => {
      return Number.isSafeInteger(value) && isWithin(value, range) ? value : undefined;
    });
  }

  requiredInteger(name: string, range: Range): number {
    return this.integer(name, range) ?? this.failMissing(name, `an integer from ${range.min} to ${range.max}`);
  }

  number(name: string, range: Range): number | undefined {
    return this.read(name, `a number from ${range.min} to ${range.max}`, (value) => {
      return isWithin(value, range) ? value : undefined;
    });
  }

  requiredNumber(name: string, range: Range): number {
    return this.number(name, range) ?? this.failMissing(name, `a number from ${range.min} to ${range.max}`);
  }

  boolean(name: string): boolean | undefined {
    return this.read(name, 'true or false', (value) => (typeof value === 'boolean' ? value : undefined));
  }

  string(name: string): string | undefined {
    return this.read(name, 'a string', (value) => (typeof value === 'string' ? value : undefined));
  }

  strings(name: string): readonly string[] | undefined {
    return this.read(name, 'a list of strings', (value) => {
      return isJsonArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
    });
  }

  /** An object inside, whose members are named by the whole path in errors. */
  fields(name: string): ConfigFields | undefined {
    return this.read(name, 'an object', (value) => {
      return isJsonObject(value) ? new ConfigFields(this.file, value, `${this.path}${name}.`) : undefined;
    });
  }

  /** An error about a member whose value cannot be accepted. */
  refusal(name: string, why: string, hint?: string): InputError {
    const field = this.path + name;
    const value = show(this.object.get(name));
    return new InputError(`${this.file}: ${quoted(field).slice(1, -1)} is ${value}; ${why}`, {
      code: 'E_CONFIG_FIELD',
      hint,
      details: { file: this.file, field, value },
    });
  }

  failMissing(name: string, expected: string): never {
    const field = this.path + name;
    throw new InputError(`${this.file}: ${field} is missing; expected ${expected}`, {
      code: 'E_CONFIG_FIELD_MISSING',
      details: { file: this.file, field },
    });
  }

  private read<T>(name: string, expected: string, accept: (value: JsonValue) => T | undefined): T | undefined {
    const value = this.object.get(name);
    if (value === undefined || value === null) return undefined;
    const accepted = accept(value);
    if (accepted === undefined) throw this.refusal(name, `expected ${expected}`);
    return accepted;
  }
}

function isWithin(value: JsonValue, range: Range): value is number {
  return typeof value === 'number' && value >= range.min && value <= range.max;
}

function show(value: JsonValue | undefined): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'string') return quoted(value);
  if (isJsonObject(value)) return 'an object';
  if (isJsonArray(value)) return 'a list';
  return String(value);
}
