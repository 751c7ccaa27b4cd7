import { nodeFileSystem, type FileSystem } from '../../file-system.ts';
import { SteadyFile } from '../steady-file.ts';
import { parseGgufHeader, type GgufHeader } from './gguf-header.ts';
import type { GgufTensor } from './tensor-infos.ts';

/** One open GGUF file, whose header has been checked: what `inspect` shows, and what models are read from. */
export class GgufFile extends SteadyFile {
  readonly header: GgufHeader;

  /** @throws as `SteadyFile`; InputError `E_GGUF_*` */
  constructor(path: string, fileSystem: FileSystem = nodeFileSystem) {
    super(path, fileSystem);
    try {
      this.header = parseGgufHeader(this);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Fills `into` with bytes of a tensor, from `from` on, and returns it.
   *
   * @throws RangeError if they are not all inside the tensor; as `readAt`
   */
  readTensor(tensor: GgufTensor, into: Uint8Array, from: number): Uint8Array {
    if (from < 0 || from + into.byteLength > tensor.bytes) {
      throw new RangeError(`bytes ${from} to ${from + into.byteLength} are not inside ${tensor.name}`);
    }
    return this.readAt(into, this.header.dataStart + tensor.offset + from);
  }
}
