import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeOf, forEachFault, isOvercome } from '../../testing/faulty-file-system.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { ResourceError } from '../errors.ts';
import { layoutFile } from './safetensors-layout.ts';
import { writeSafetensors, type TensorData } from './safetensors-writer.ts';

const tensors: readonly TensorData[] = [
  { name: 'b', dtype: 'U8', shape: [5], data: Uint8Array.of(1, 2, 3, 4, 5) },
  { name: 'empty', dtype: 'F32', shape: [0, 7], data: new Uint8Array() },
  { name: 'a', dtype: 'F32', shape: [2], data: new Uint8Array(Float32Array.of(1, -2).buffer) },
];

describe('writeSafetensors', () => {
  it('writes header and data at the places of the layout', () => {
    const path = join(temporaryFolder(), 'model.safetensors');
    writeSafetensors(path, tensors);
    const { header, offsets, fileBytes } = layoutFile(tensors);
    const bytes = readFileSync(path);
    expect(bytes).toHaveLength(fileBytes);
    expect(bytes.subarray(0, header.length)).toEqual(Buffer.from(header));
    for (const { name, data } of tensors) {
      const offset = offsets.get(name) ?? NaN;
      expect(bytes.subarray(offset, offset + data.length)).toEqual(Buffer.from(data));
    }
  });

  it.each(['a new file', 'a file that replaces another'])('leaves %s whole or not there, whatever fails', (kind) => {
    const reference = join(temporaryFolder(), 'model.safetensors');
    writeSafetensors(reference, tensors);
    const complete = readFileSync(reference);
    const former = kind === 'a new file' ? undefined : Buffer.from('former content');

    let failures = 0;
    forEachFault((fileSystem, fault) => {
      const folder = temporaryFolder();
      const path = join(folder, 'model.safetensors');
      if (former) writeFileSync(path, former);
      let error: unknown;
      try {
        writeSafetensors(path, tensors, { fileSystem });
      } catch (caught) {
        error = caught;
        failures++;
      }
      const content = existsSync(path) ? readFileSync(path) : undefined;
      const isComplete = content?.equals(complete) === true;
      if (error === undefined) {
        expect(isComplete).toBe(true);
      } else {
        expect(isOvercome(fault)).toBe(false);
        expect(error).toBeInstanceOf(ResourceError);
        expect((error as ResourceError).code).toBe(codeOf(fault));
        if (!isComplete) expect(content).toEqual(former);
      }
      expect(readdirSync(folder)).toEqual(content ? ['model.safetensors'] : []);
      expect(fileSystem.openFiles).toBe(0);
    });
    // All there is is opening, 3 writes (that of no bytes is left out), fsync, close, rename, opening and fsync of the folder.
    const struck = { ENOSPC: 8, EIO: 9, EMFILE: 2, EROFS: 2, EACCES: 3, fsync: 2, rename: 1 };
    expect(failures).toBe(Object.values(struck).reduce((sum, count) => sum + count));
  });

  it('does not touch a temporary file of somebody else', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'model.safetensors.1-00000000.tmp'), 'theirs');
    writeSafetensors(join(folder, 'model.safetensors'), tensors);
    expect(readdirSync(folder)).toEqual(['model.safetensors', 'model.safetensors.1-00000000.tmp']);
  });

  it('refuses data that does not fill the shape', () => {
    const path = join(temporaryFolder(), 'model.safetensors');
    const short = { name: 'a', dtype: 'F32', shape: [2], data: new Uint8Array(7) } as const;
    expect(() => {
      writeSafetensors(path, [short]);
    }).toThrow(RangeError);
    expect(existsSync(path)).toBe(false);
  });
});
