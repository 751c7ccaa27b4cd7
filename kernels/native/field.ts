import { NativeHandle, type HandleKind } from './handle.ts';

/** What FFI takes for a value. */
export type CValue = number | bigint | string | ArrayBufferView | null | { [member: string]: CValue };

/** A scalar or pointer type of C, or the members of a nested struct in their order. */
export type CType = 'int32_t' | 'uint32_t' | 'uint64_t' | 'float' | 'double' | 'const char *' | 'void *' | CMembers;
export interface CMembers {
  readonly [member: string]: CType;
}

/**
 * A member of a struct of cider.h: its C type, and what a value must be so that the library can use it safely. FFI itself
 * takes any array for any pointer, and wraps or truncates any number.
 */
export interface Field<Value> {
  readonly type: CType;
  /** @throws RangeError that begins with `name` */
  encode(name: string, value: Value): CValue;
}

/** The members of a struct in the order of cider.h. */
export type Fields<Params> = { readonly [Member in keyof Params]: Field<Params[Member]> };

type NumberArrayType = (abstract new (...args: never) => NumberArray) & { BYTES_PER_ELEMENT: number };
export type NumberArray = Int8Array | Uint8Array | Uint16Array | Int32Array | Float32Array | Float64Array;

function refuse(name: string, expected: string, value: unknown): never {
  const shown = ArrayBuffer.isView(value) ? value.constructor.name : String(value);
  throw new RangeError(`${name} must be ${expected}, not ${shown}`);
}

function integer(type: CType, minimum: number, maximum: number): Field<number> {
  return {
    type,
    encode: (name, value) => {
      if (Number.isInteger(value) && value >= minimum && value <= maximum) return value;
      return refuse(name, `an integer from ${minimum} to ${maximum}`, value);
    },
  };
}

function real(type: CType, largest: number): Field<number> {
  return {
    type,
    encode: (name, value) => {
      if (typeof value === 'number' && Math.abs(value) <= largest) return value;
      return refuse(name, `a finite ${type === 'float' ? 'f32' : 'number'}`, value);
    },
  };
}

export const i32: Field<number> = integer('int32_t', -(2 ** 31), 2 ** 31 - 1);
export const u32: Field<number> = integer('uint32_t', 0, 2 ** 32 - 1);
/** Numbers of JavaScript count exactly up to 2^53 - 1. */
export const u64: Field<number> = integer('uint64_t', 0, Number.MAX_SAFE_INTEGER);
export const f32: Field<number> = real('float', 3.4028234663852886e38);
export const f64: Field<number> = real('double', Number.MAX_VALUE);

/** A typed array of one class; its elements are aligned, as JavaScript has it. */
export function array<ArrayType extends NumberArray>(type: NumberArrayType): Field<ArrayType> {
  return {
    type: 'void *',
    encode: (name, value) => {
      if (!(value instanceof type)) refuse(name, `a ${type.name}`, value);
      if (value.length === 0) throw new RangeError(`${name} is empty`);
      return value;
    },
  };
}

/** One of several classes of typed arrays; which of them fits, the lengths of the operation tell. */
export function arrayOf<ArrayType extends NumberArray>(...types: NumberArrayType[]): Field<ArrayType> {
  return {
    type: 'void *',
    encode: (name, value) => {
      const fitting = types.find((type) => value instanceof type);
      return fitting
        ? array(fitting).encode(name, value)
        : refuse(name, types.map((type) => type.name).join(' or '), value);
    },
  };
}

/** A handle that the library gave out and that was not released. */
export function handle<Kind extends HandleKind>(kind: Kind): Field<NativeHandle<Kind>> {
  return {
    type: 'void *',
    encode: (name, value) =>
      value instanceof NativeHandle ? value.addressAs(kind, name) : refuse(name, `a ${kind}`, value),
  };
}

/** Text without NUL characters, which would end it early; null for NULL. */
export const text: Field<string | null> = {
  type: 'const char *',
  encode: (name, value) => {
    if (value === null || (typeof value === 'string' && !value.includes('\0'))) return value;
    return refuse(name, 'text without NUL characters', value);
  },
};

/** The members as FFI takes them. @throws RangeError that names operation and member */
export function encode<Params extends object>(operation: string, fields: Fields<Params>, params: Params): Encoded {
  const encoded: Encoded = {};
  for (const member of Object.keys(fields) as (keyof Params & string)[]) {
    encoded[member] = fields[member].encode(`${operation}: ${member}`, params[member]);
  }
  return encoded;
}

/** Values of a struct's members by name. */
export type Encoded = Record<string, CValue>;

/** C types of a struct's members by name, in their order. */
export function typesOf<Params extends object>(fields: Fields<Params>): CMembers {
  const members = Object.entries<Field<never>>(fields as Record<string, Field<never>>);
  return Object.fromEntries(members.map(([member, { type }]) => [member, type]));
}
