export type HandleKind = 'device' | 'buffer' | 'weight' | 'kv_cache' | 'file';

/** Something that the library made and that must go back to it: an address that is only given out while it is valid. */
export class NativeHandle<Kind extends HandleKind = HandleKind> {
  readonly kind: Kind;
  #address: bigint | undefined;

  constructor(kind: Kind, address: bigint) {
    this.kind = kind;
    this.#address = address;
  }

  get isReleased(): boolean {
    return this.#address === undefined;
  }

  /** @throws RangeError that begins with `name` if it was released or is of another kind */
  addressAs(kind: HandleKind, name: string): bigint {
    if (this.kind !== kind) throw new RangeError(`${name} must be a ${kind}, not a ${this.kind}`);
    if (this.#address === undefined) throw new RangeError(`${name}: the ${kind} was released`);
    return this.#address;
  }

  /** The address, for the last time. */
  takeAddress(): bigint | undefined {
    const address = this.#address;
    this.#address = undefined;
    return address;
  }
}
