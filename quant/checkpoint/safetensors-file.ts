import { nodeFileSystem, type FileSystem } from '../file-system.ts';
import { refuseForeignFormat } from './foreign-format.ts';
import { parseRawHeader, PREFIX_BYTES, type RawHeader } from './header-entries.ts';
import { headerLength, parseHeader, type SafetensorsHeader } from './safetensors-header.ts';
import { SteadyFile } from './steady-file.ts';

/** One open safetensors file. */
export class SafetensorsFile extends SteadyFile {
  /** Where the tensors begin. */
  readonly dataStart: number;

  /** @throws as `SteadyFile`; InputError `E_HEADER_*` and those of `refuseForeignFormat` */
  constructor(path: string, fileSystem: FileSystem = nodeFileSystem) {
    super(path, fileSystem);
    try {
      const prefix = this.readAt(new Uint8Array(Math.min(PREFIX_BYTES, this.bytes)), 0);
      refuseForeignFormat(prefix, this.name);
      this.dataStart = PREFIX_BYTES + headerLength(prefix, this.bytes, this.name);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** @throws InputError with the code of the rule that the header breaks */
  readHeader(): SafetensorsHeader {
    return parseHeader(this.readHeaderBytes(), this.bytes - this.dataStart, this.name);
  }

  /** The header without belief in dtypes, sizes and offsets, to show what a broken file says of itself. */
  readRawHeader(): RawHeader {
    return parseRawHeader(this.readHeaderBytes(), this.name);
  }

  private readHeaderBytes(): Uint8Array {
    return this.readAt(new Uint8Array(this.dataStart - PREFIX_BYTES), PREFIX_BYTES);
  }
}
