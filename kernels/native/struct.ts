import { typesOf, type CMembers, type CType, type CValue, type Fields } from './field.ts';

/** Bytes of C's types on the machines that cider is built for: pointers of 64 bits, each type aligned to its size. */
const sizes = {
  int32_t: 4,
  uint32_t: 4,
  float: 4,
  uint64_t: 8,
  double: 8,
  'const char *': 8,
  'void *': 8,
} as const;

interface Layout {
  bytes: number;
  alignment: number;
  members: readonly { name: string; offset: number; type: CType; nested: Layout | undefined }[];
}

/** Where C puts the members: each behind the one before it, on the next multiple of its alignment. */
function layoutOf(types: CMembers): Layout {
  let end = 0;
  let alignment = 1;
  const members = Object.entries(types).map(([name, type]) => {
    const nested = typeof type === 'string' ? undefined : layoutOf(type);
    const bytes = typeof type === 'string' ? sizes[type] : (nested?.bytes ?? 0);
    const memberAlignment = nested?.alignment ?? bytes;
    alignment = Math.max(alignment, memberAlignment);
    const offset = roundUp(end, memberAlignment);
    end = offset + bytes;
    return { name, offset, type, nested };
  });
  return { bytes: roundUp(end, alignment), alignment, members };
}

const roundUp = (bytes: number, alignment: number): number => Math.ceil(bytes / alignment) * alignment;

/** A filled struct, and what its pointers point to: both are needed until the call is over. */
export interface FilledStruct {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly held: ArrayBufferView[];
}

/** Where an array begins, as FFI tells; arrays do not move afterwards. */
export type AddressOf = (array: ArrayBufferView) => bigint;

/** A struct of parameters of cider.h. It is written here, since FFI takes most of a microsecond for one. */
export class StructType<Params extends object> {
  readonly #layout: Layout;
  readonly #fields: readonly { key: keyof Params; label: string; field: Fields<Params>[keyof Params] }[];
  readonly #addressOf: AddressOf;
  /** For calls that are over before the next begins. */
  readonly #memory: FilledStruct;

  /** @param name of the operation, for errors */
  constructor(name: string, fields: Fields<Params>, addressOf: AddressOf) {
    this.#layout = layoutOf(typesOf(fields));
    this.#fields = (Object.keys(fields) as (keyof Params & string)[]).map((key) => {
      return { key, label: `${name}: ${key}`, field: fields[key] };
    });
    this.#addressOf = addressOf;
    this.#memory = this.#allocate();
  }

  /** Calls with a filled struct, which is gone when the call returns. @throws RangeError that names the member */
  use<Result>(params: Params, call: (struct: Uint8Array) => Result): Result {
    const memory = this.#memory;
    try {
      this.#fill(memory, params);
      return call(memory.bytes);
    } finally {
      memory.held.length = 0;
    }
  }

  /** As `use`, for a call that is over later. */
  make(params: Params): FilledStruct {
    const memory = this.#allocate();
    this.#fill(memory, params);
    return memory;
  }

  /** Members of a struct, that of the last `use` by default, that are int32 or double, as the library left them. */
  answers({ view }: FilledStruct = this.#memory): Record<string, number> {
    return Object.fromEntries(
      this.#layout.members.flatMap(({ name, offset, type }) => {
        if (type === 'int32_t') return [[name, view.getInt32(offset, true)]];
        return type === 'double' ? [[name, view.getFloat64(offset, true)]] : [];
      }),
    );
  }

  #allocate(): FilledStruct {
    const bytes = new Uint8Array(this.#layout.bytes);
    return { bytes, view: new DataView(bytes.buffer), held: [] };
  }

  #fill(memory: FilledStruct, params: Params): void {
    for (const [i, { key, label, field }] of this.#fields.entries()) {
      const { offset, type, nested } = this.#layout.members[i];
      write(memory, offset, type, nested, field.encode(label, params[key]), this.#addressOf);
    }
  }
}

function write(
  memory: FilledStruct,
  offset: number,
  type: CType,
  nested: Layout | undefined,
  value: CValue,
  addressOf: AddressOf,
): void {
  const { view } = memory;
  switch (type) {
    case 'int32_t':
      view.setInt32(offset, Number(value), true);
      return;
    case 'uint32_t':
      view.setUint32(offset, Number(value), true);
      return;
    case 'float':
      view.setFloat32(offset, Number(value), true);
      return;
    case 'double':
      view.setFloat64(offset, Number(value), true);
      return;
    case 'uint64_t':
      view.setBigUint64(offset, BigInt(value as number), true);
      return;
    case 'const char *':
    case 'void *':
      view.setBigUint64(offset, pointer(memory, value, addressOf), true);
      return;
  }
  for (const member of nested?.members ?? []) {
    const inner = (value as Record<string, CValue>)[member.name];
    write(memory, offset + member.offset, member.type, member.nested, inner, addressOf);
  }
}

function pointer({ held }: FilledStruct, value: CValue, addressOf: AddressOf): bigint {
  if (typeof value === 'bigint') return value;
  const array = typeof value === 'string' ? Buffer.from(`${value}\0`) : value;
  if (!ArrayBuffer.isView(array)) return 0n;
  held.push(array);
  return addressOf(array);
}
