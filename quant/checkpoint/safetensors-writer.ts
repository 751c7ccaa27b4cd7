import { nodeFileSystem, writeExactly, type FileSystem } from '../file-system.ts';
import { writeAtomically } from './atomic-file.ts';
import { layoutFile } from './safetensors-layout.ts';
import { tensorBytes, type TensorSpec } from './tensor-size.ts';

export interface TensorData extends TensorSpec {
  /** Little-endian elements in C order. */
  data: Uint8Array;
}

export interface WriteOptions {
  /** `{ format: 'pt' }` unless given. */
  metadata?: ReadonlyMap<string, string>;
  fileSystem?: FileSystem;
}

/**
 * Writes a safetensors file of tensors in memory; see `layoutFile` for its bytes and `writeAtomically` for its safety.
 *
 * @throws RangeError if data and shape do not agree or a name occurs twice; ResourceError; InputError as `layoutFile`
 */
export function writeSafetensors(path: string, tensors: Iterable<TensorData>, options: WriteOptions = {}): void {
  const { metadata, fileSystem = nodeFileSystem } = options;
  const all = [...tensors];
  for (const tensor of all) {
    const bytes = tensorBytes(tensor, path);
    if (tensor.data.byteLength !== bytes) {
      throw new RangeError(`${tensor.name} has ${tensor.data.byteLength} bytes of data for a shape of ${bytes}`);
    }
  }
  const layout = layoutFile(all, metadata);
  const dataOf = new Map(all.map(({ name, data }) => [name, data]));
  writeAtomically(
    path,
    (fd, temporaryPath) => {
      writeExactly(fileSystem, fd, layout.header, 0, temporaryPath);
      for (const [name, offset] of layout.offsets) {
        writeExactly(fileSystem, fd, dataOf.get(name) ?? new Uint8Array(), offset, temporaryPath);
      }
    },
    fileSystem,
  );
}
