import koffi, { type KoffiFunc } from 'koffi';
import { array, text, u32, u64, type CValue } from './native/field.ts';
import { NativeHandle, type HandleKind } from './native/handle.ts';
import { checkLengths } from './native/operation.ts';
import { operations, type OperationName, type OperationParams } from './native/operations.ts';
import { checkStatus, NativeError } from './native/status.ts';
import { StructType, type AddressOf, type FilledStruct } from './native/struct.ts';
import { openFields, weightFields, type OpenParams, type WeightParams } from './native/weight-params.ts';

/** The version of kernels/cider.h that this program speaks. */
export const ABI_VERSION = 4;

/** koffi's default for calls in other threads, 128 KiB, is less than C libraries count on. */
const ASYNC_STACK_BYTES = 4 * 1024 * 1024;

koffi.config({ async_stack_size: ASYNC_STACK_BYTES });

const operationNames = Object.keys(operations) as OperationName[];
const functionOf = Object.fromEntries(operationNames.map((name) => [name, `cider_${name}`]));

/** cider.h but for the operations, which all look the same. */
const prototypes = [
  'uint32_t cider_abi_version()',
  'const char *cider_last_error()',
  'int cider_open(void *params, _Out_ void **device)',
  'void cider_close(void *device)',
  'const char *cider_device_error(void *device)',
  'const char *cider_device_isa(void *device)',
  'int32_t cider_device_threads(void *device)',
  'int cider_synchronize(void *device)',
  'double cider_device_seconds(void *device)',
  'const char *cider_list_isas(const char *backend, const char *cache)',
  'const char *cider_backend_report(const char *backend, const char *cache)',
  'const char *cider_cpu_features()',
  'int cider_buffer_create(void *device, uint64_t elements, _Out_ void **buffer)',
  'int cider_buffer_write(void *buffer, uint64_t first, void *values, uint64_t count)',
  'int cider_buffer_read(void *buffer, uint64_t first, void *values, uint64_t count)',
  'void cider_buffer_release(void *buffer)',
  'int cider_file_open(const char *path, _Out_ void **file)',
  'void cider_file_close(void *file)',
  'int cider_weight_create(void *device, void *params, _Out_ void **weight)',
  'void cider_weight_release(void *weight)',
  'int cider_kv_cache_create(void *device, uint32_t capacity, uint32_t heads, uint32_t dim, _Out_ void **cache)',
  'uint32_t cider_kv_cache_length(void *cache)',
  'void cider_kv_cache_release(void *cache)',
  'uint64_t cider_linear_scratch(void *weight, uint32_t rows)',
  'uint64_t cider_cross_entropy_scratch(void *head, uint32_t rows)',
  'uint64_t cider_divergence_scratch(void *head, void *base_head, uint32_t rows)',
  'uint64_t cider_matmul_int8_scratch(void *device, uint32_t m, uint32_t n, uint32_t k)',
  ...operationNames.map((name) => `int cider_${name}(void *device, void *params)`),
] as const;

/** What a library must export, for the comparison with cider.h. */
export const functionNames: readonly string[] = prototypes.map(
  (prototype) => /cider_\w+(?=\()/.exec(prototype)?.[0] ?? '',
);

type NativeFunction = KoffiFunc<(...args: Argument[]) => unknown>;
type Argument = CValue | [CValue];

const addressOf: AddressOf = (array) => koffi.address(array);

const openType = new StructType<OpenParams>('open', openFields, addressOf);
const weightType = new StructType<WeightParams>('createWeight', weightFields, addressOf);
const operationTypes = Object.fromEntries(
  operationNames.map((name) => [name, new StructType<object>(name, operations[name].fields, addressOf)]),
) as unknown as { readonly [Name in OperationName]: StructType<OperationParams[Name]> };

const releaseFunctions: Readonly<Record<HandleKind, string>> = {
  device: 'cider_close',
  buffer: 'cider_buffer_release',
  weight: 'cider_weight_release',
  kv_cache: 'cider_kv_cache_release',
  file: 'cider_file_close',
};

/**
 * A loaded libcider. This is the one place that calls foreign functions: every argument is checked for its class, length
 * and range before a call, since neither koffi nor C would notice. Handles belong to the library that made them, and
 * calls for one device must follow one another.
 */
export class NativeLibrary {
  readonly path: string;
  readonly cpuFeatures: readonly string[];
  readonly #functions = new Map<string, NativeFunction>();
  /** Parameters of calls in other threads, which know addresses only. */
  readonly #pinned = new Set<FilledStruct>();

  /** @throws NativeError if it cannot be loaded, lacks a function or has another ABI */
  constructor(path: string) {
    this.path = path;
    try {
      const library = koffi.load(path);
      for (const prototype of prototypes) {
        const declared = library.func(prototype) as NativeFunction;
        this.#functions.set(declared.info.name, declared);
        if (declared.info.name === 'cider_abi_version') checkAbi(this.#number('cider_abi_version'));
      }
    } catch (error) {
      throw new NativeError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.cpuFeatures = wordsOf(this.#text('cider_cpu_features'));
  }

  /**
   * Instruction sets of a backend that this machine runs, the best first; none if the backend does not work here.
   *
   * @param cache as in `OpenParams`
   */
  isas(backend: string, cache?: string): readonly string[] {
    return wordsOf(this.#text('cider_list_isas', ...backendArguments('isas', backend, cache)));
  }

  /** How the trial of a backend went: a line a step, status, name and what was found with tabs between them. */
  backendReport(backend: string, cache?: string): string {
    return this.#text('cider_backend_report', ...backendArguments('backendReport', backend, cache));
  }

  /** @throws NativeError `unavailable` for a backend or an instruction set that this machine lacks */
  open(params: OpenParams): NativeHandle<'device'> {
    return openType.use(params, (bytes) => this.#create('device', 'cider_open', bytes));
  }

  isaOf(device: NativeHandle<'device'>): string {
    return this.#text('cider_device_isa', device.addressAs('device', 'isaOf'));
  }

  threadsOf(device: NativeHandle<'device'>): number {
    return this.#number('cider_device_threads', device.addressAs('device', 'threadsOf'));
  }

  /** Waits until all that was asked of the device is done. @throws what went wrong meanwhile */
  synchronize(device: NativeHandle<'device'>): void {
    const address = device.addressAs('device', 'synchronize');
    this.#checkOperation('synchronize', address, this.#number('cider_synchronize', address));
  }

  /** Seconds that a GPU worked for the device, by its own clock, for what is done; 0 where there is no such clock. */
  secondsOf(device: NativeHandle<'device'>): number {
    return this.#number('cider_device_seconds', device.addressAs('device', 'secondsOf'));
  }

  createBuffer(device: NativeHandle<'device'>, elements: number): NativeHandle<'buffer'> {
    const address = device.addressAs('device', 'createBuffer');
    return this.#create('buffer', 'cider_buffer_create', address, u64.encode('createBuffer: elements', elements));
  }

  /** Elements `first …` of the buffer become those of `values`. */
  writeBuffer(buffer: NativeHandle<'buffer'>, first: number, values: Float32Array): void {
    this.#transfer('cider_buffer_write', buffer, first, values);
  }

  /** `values` becomes elements `first …` of the buffer. */
  readBuffer(buffer: NativeHandle<'buffer'>, first: number, values: Float32Array): void {
    this.#transfer('cider_buffer_read', buffer, first, values);
  }

  /** Maps a file for reading. @throws NativeError `i/o error` */
  openFile(path: string): NativeHandle<'file'> {
    return this.#create('file', 'cider_file_open', text.encode('openFile: path', path));
  }

  createWeight(device: NativeHandle<'device'>, params: WeightParams): NativeHandle<'weight'> {
    const address = device.addressAs('device', 'createWeight');
    return weightType.use(params, (bytes) => this.#create('weight', 'cider_weight_create', address, bytes));
  }

  createKvCache(
    device: NativeHandle<'device'>,
    capacity: number,
    kvHeads: number,
    headDim: number,
  ): NativeHandle<'kv_cache'> {
    return this.#create(
      'kv_cache',
      'cider_kv_cache_create',
      device.addressAs('device', 'createKvCache'),
      u32.encode('createKvCache: capacity', capacity),
      u32.encode('createKvCache: kvHeads', kvHeads),
      u32.encode('createKvCache: headDim', headDim),
    );
  }

  kvCacheLength(cache: NativeHandle<'kv_cache'>): number {
    return this.#number('cider_kv_cache_length', cache.addressAs('kv_cache', 'kvCacheLength'));
  }

  /** Bytes of scratch that the operation of this name needs. */
  linearScratch(weight: NativeHandle<'weight'>, rows: number): number {
    const address = weight.addressAs('weight', 'linearScratch');
    return this.#number('cider_linear_scratch', address, u32.encode('linearScratch: rows', rows));
  }

  crossEntropyScratch(head: NativeHandle<'weight'>, rows: number): number {
    const address = head.addressAs('weight', 'crossEntropyScratch');
    return this.#number('cider_cross_entropy_scratch', address, u32.encode('crossEntropyScratch: rows', rows));
  }

  divergenceScratch(head: NativeHandle<'weight'>, baseHead: NativeHandle<'weight'>, rows: number): number {
    const addresses = [head, baseHead].map((handle) => handle.addressAs('weight', 'divergenceScratch'));
    return this.#number('cider_divergence_scratch', ...addresses, u32.encode('divergenceScratch: rows', rows));
  }

  matmulInt8Scratch(device: NativeHandle<'device'>, m: number, n: number, k: number): number {
    const address = device.addressAs('device', 'matmulInt8Scratch');
    const sizes = [m, n, k].map((size) => u32.encode('matmulInt8Scratch: m, n, k', size));
    return this.#number('cider_matmul_int8_scratch', address, ...sizes);
  }

  /** Runs an operation to its end. */
  run<Name extends OperationName>(name: Name, device: NativeHandle<'device'>, params: OperationParams[Name]): void {
    const address = device.addressAs('device', name);
    operationTypes[name].use(params, (struct) => {
      checkLengths(name, operations[name], params);
      this.#checkOperation(name, address, this.#number(functionOf[name], address, struct));
    });
  }

  /** Runs an operation that answers in its parameters. @returns those of them that may be answers */
  ask<Name extends OperationName>(
    name: Name,
    device: NativeHandle<'device'>,
    params: OperationParams[Name],
  ): Record<string, number> {
    this.run(name, device, params);
    return operationTypes[name].answers();
  }

  /**
   * Runs an operation in another thread. Nothing that it uses may be written to or released before it is done.
   *
   * @returns as `ask`
   */
  async askAsync<Name extends OperationName>(
    name: Name,
    device: NativeHandle<'device'>,
    params: OperationParams[Name],
  ): Promise<Record<string, number>> {
    const address = device.addressAs('device', name);
    const type = operationTypes[name];
    const struct = type.make(params);
    checkLengths(name, operations[name], params);
    const call = this.#function(functionOf[name]);
    this.#pinned.add(struct);
    try {
      const status = await new Promise<unknown>((resolve, reject) => {
        call.async(address, struct.bytes, (error: Error | null, result: unknown) => {
          if (error) reject(error);
          else resolve(result);
        });
      });
      this.#checkOperation(name, address, Number(status));
      return type.answers(struct);
    } finally {
      this.#pinned.delete(struct);
    }
  }

  /** Gives a handle back; a second time does nothing. */
  release(handle: NativeHandle): void {
    const address = handle.takeAddress();
    if (address !== undefined) this.#function(releaseFunctions[handle.kind])(address);
  }

  #function(name: string): NativeFunction {
    const found = this.#functions.get(name);
    if (!found) throw new RangeError(`${name} is no function of the library`);
    return found;
  }

  #number(name: string, ...args: Argument[]): number {
    return Number(this.#function(name)(...args));
  }

  #text(name: string, ...args: Argument[]): string {
    return String(this.#function(name)(...args));
  }

  /** The library keeps its words with the device, since the thread that an operation ran in may be out of reach. */
  #checkOperation(operation: string, device: bigint, status: number): void {
    checkStatus(operation, status, () => this.#text('cider_device_error', device));
  }

  #check(operation: string, status: number): void {
    checkStatus(operation, status, () => this.#text('cider_last_error'));
  }

  #create<Kind extends HandleKind>(kind: Kind, name: string, ...args: Argument[]): NativeHandle<Kind> {
    const out: [CValue] = [null];
    this.#check(name, this.#number(name, ...args, out));
    const [address] = out;
    if (typeof address !== 'bigint') throw new NativeError(`${name}: the library gave no handle`);
    return new NativeHandle(kind, address);
  }

  #transfer(name: string, buffer: NativeHandle<'buffer'>, first: number, values: Float32Array): void {
    const address = buffer.addressAs('buffer', name);
    const start = u64.encode(`${name}: first`, first);
    this.#check(name, this.#number(name, address, start, floats.encode(`${name}: values`, values), values.length));
  }
}

const floats = array<Float32Array>(Float32Array);

const backendArguments = (name: string, backend: string, cache: string | undefined): CValue[] => [
  text.encode(`${name}: backend`, backend),
  text.encode(`${name}: cache`, cache ?? null),
];

const wordsOf = (words: string): readonly string[] => words.split(' ').filter(Boolean);

function checkAbi(found: number): void {
  if (found !== ABI_VERSION) throw new Error(`its ABI version is ${found}, not ${ABI_VERSION}`);
}
