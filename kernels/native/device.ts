import { breathe } from '../reference/breathe.ts';
import type { NativeLibrary } from '../native.ts';
import type { NativeHandle } from './handle.ts';
import type { OperationName, OperationParams } from './operations.ts';
import type { OpenParams, WeightParams } from './weight-params.ts';

/**
 * Multiply-adds from which an operation goes to another thread, so that signals get through meanwhile. Going there costs
 * some 30 µs, ten times as much as a call; what is smaller than this takes a millisecond on matrix units, some of them in
 * decoding, where it waits for weights from memory, and some ten where there are no vectors.
 */
const LONG_OPERATION = 2 ** 28;

/** Scratch of an operation that asks for none is still an array. */
const SMALLEST_SCRATCH_BYTES = 64;

/** An open device: runs one operation at a time, and knows what it gave out. */
export class NativeDevice {
  readonly isa: string;
  readonly threads: number;
  readonly #library: NativeLibrary;
  readonly #device: NativeHandle<'device'>;
  readonly #live = new Set<NativeHandle>();
  #running: OperationName | undefined;
  #scratch = new Uint8Array(SMALLEST_SCRATCH_BYTES);

  /** @throws NativeError `unavailable` for a backend or an instruction set that this machine lacks */
  constructor(library: NativeLibrary, params: OpenParams) {
    this.#library = library;
    this.#device = library.open(params);
    this.isa = library.isaOf(this.#device);
    this.threads = library.threadsOf(this.#device);
  }

  /** Waits until all that was asked for is done. @throws what went wrong meanwhile */
  synchronize(): void {
    this.#library.synchronize(this.#ready('synchronize'));
  }

  /** Seconds that a GPU worked, by its own clock, for what is done; 0 where there is no such clock. */
  deviceSeconds(): number {
    return this.#library.secondsOf(this.#ready('deviceSeconds'));
  }

  createBuffer(elements: number): NativeHandle<'buffer'> {
    return this.#keep(this.#library.createBuffer(this.#ready('createBuffer'), elements));
  }

  write(buffer: NativeHandle<'buffer'>, values: Float32Array): void {
    this.#ready('write');
    this.#library.writeBuffer(buffer, 0, values);
  }

  read(buffer: NativeHandle<'buffer'>, values: Float32Array): void {
    this.#ready('read');
    this.#library.readBuffer(buffer, 0, values);
  }

  createWeight(params: WeightParams): NativeHandle<'weight'> {
    return this.#keep(this.#library.createWeight(this.#ready('createWeight'), params));
  }

  /** Calls `use` with a file that is mapped until it returns. */
  withFile<Result>(path: string, use: (file: NativeHandle<'file'>) => Result): Result {
    const file = this.#library.openFile(path);
    try {
      return use(file);
    } finally {
      this.#library.release(file);
    }
  }

  createKvCache(capacity: number, kvHeads: number, headDim: number): NativeHandle<'kv_cache'> {
    return this.#keep(this.#library.createKvCache(this.#ready('createKvCache'), capacity, kvHeads, headDim));
  }

  lengthOf(cache: NativeHandle<'kv_cache'>): number {
    return this.#library.kvCacheLength(cache);
  }

  linearScratch(weight: NativeHandle<'weight'>, rows: number): ScratchParams {
    return this.#scratchOf(this.#library.linearScratch(weight, rows));
  }

  crossEntropyScratch(head: NativeHandle<'weight'>, rows: number): ScratchParams {
    return this.#scratchOf(this.#library.crossEntropyScratch(head, rows));
  }

  divergenceScratch(head: NativeHandle<'weight'>, baseHead: NativeHandle<'weight'>, rows: number): ScratchParams {
    return this.#scratchOf(this.#library.divergenceScratch(head, baseHead, rows));
  }

  matmulInt8Scratch(m: number, n: number, k: number): ScratchParams {
    return this.#scratchOf(this.#library.matmulInt8Scratch(this.#ready('matmul_int8'), m, n, k));
  }

  run<Name extends OperationName>(name: Name, params: OperationParams[Name]): void {
    this.#library.run(name, this.#ready(name), params);
  }

  /** Runs an operation that answers in its parameters. @returns those of them that may be answers */
  ask<Name extends OperationName>(name: Name, params: OperationParams[Name]): Record<string, number> {
    return this.#library.ask(name, this.#ready(name), params);
  }

  /**
   * Runs an operation that may take long.
   *
   * @param work multiply-adds, or as many steps of about that size
   */
  runLong<Name extends OperationName>(name: Name, params: OperationParams[Name], work: number): Promise<void> {
    if (work >= LONG_OPERATION) return this.#askElsewhere(name, params).then(() => undefined);
    this.run(name, params);
    return breathe();
  }

  /** As `runLong`, for an operation that answers in its parameters. @returns as `ask` */
  async askLong<Name extends OperationName>(
    name: Name,
    params: OperationParams[Name],
    work: number,
  ): Promise<Record<string, number>> {
    if (work >= LONG_OPERATION) return this.#askElsewhere(name, params);
    const answers = this.ask(name, params);
    await breathe();
    return answers;
  }

  async #askElsewhere<Name extends OperationName>(
    name: Name,
    params: OperationParams[Name],
  ): Promise<Record<string, number>> {
    const device = this.#ready(name);
    this.#running = name;
    try {
      return await this.#library.askAsync(name, device, params);
    } finally {
      this.#running = undefined;
    }
  }

  /** Gives something back; a second time, or after `close`, does nothing. */
  release(handle: NativeHandle): void {
    if (handle.isReleased) return;
    this.#ready('release');
    this.#live.delete(handle);
    this.#library.release(handle);
  }

  /** Gives everything back; a second time does nothing. */
  close(): void {
    if (this.#device.isReleased) return;
    this.#ready('close');
    for (const handle of this.#live) this.#library.release(handle);
    this.#live.clear();
    this.#library.release(this.#device);
  }

  #ready(operation: string): NativeHandle<'device'> {
    if (this.#device.isReleased) throw new RangeError(`${operation}: the backend was closed`);
    if (this.#running) throw new RangeError(`${operation}: await ${this.#running} first, which is still running`);
    return this.#device;
  }

  #keep<Handle extends NativeHandle>(handle: Handle): Handle {
    this.#live.add(handle);
    return handle;
  }

  /** One piece of memory serves all operations, as they follow one another. */
  #scratchOf(bytes: number): ScratchParams {
    if (this.#scratch.length < bytes) this.#scratch = new Uint8Array(bytes);
    return { scratch: this.#scratch, scratch_bytes: this.#scratch.length };
  }
}

export interface ScratchParams {
  scratch: Uint8Array;
  scratch_bytes: number;
}
