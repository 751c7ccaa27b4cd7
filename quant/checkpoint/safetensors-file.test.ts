import { execFileSync } from 'node:child_process';
import { renameSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { nodeFileSystem, type FileSystem } from '../file-system.ts';
import { SafetensorsFile } from './safetensors-file.ts';
import { writeSafetensors } from './safetensors-writer.ts';

const data = Uint8Array.from({ length: 1000 }, (_, i) => i);

function healthyFile(): string {
  const path = join(temporaryFolder(), 'model.safetensors');
  writeSafetensors(path, [{ name: 'a', dtype: 'U8', shape: [1000], data }]);
  return path;
}

const read = (file: SafetensorsFile): Uint8Array => file.readAt(new Uint8Array(1000), file.dataStart);
const changed: unknown = expect.objectContaining({ code: 'E_FILE_CHANGED' });

describe('SafetensorsFile', () => {
  it('reads its tensors', () => {
    const file = new SafetensorsFile(healthyFile());
    expect(file.readHeader().tensors).toEqual([{ name: 'a', dtype: 'U8', shape: [1000], begin: 0, end: 1000 }]);
    expect(read(file)).toEqual(data);
    file.close();
  });

  it.each([
    ['shrinks', 200],
    ['grows', 2000],
  ])('never fills in for a file that %s, even on a disk that keeps no times', (_, size) => {
    const path = healthyFile();
    const status: FileSystem['status'] = (fd) => ({ ...nodeFileSystem.status(fd), mtimeMs: 0 });
    const file = new SafetensorsFile(path, { ...nodeFileSystem, status });
    truncateSync(path, size);
    expect(() => read(file)).toThrow(changed);
    file.close();
  });

  it('refuses a file that was written to in place', () => {
    const path = healthyFile();
    const file = new SafetensorsFile(path);
    utimesSync(path, 1, 1);
    expect(() => read(file)).toThrow(changed);
    file.close();
  });

  it('notices a change in the middle of a read', () => {
    const path = healthyFile();
    let isLate = false;
    const fileSystem: FileSystem = {
      ...nodeFileSystem,
      read: (fd, into, position) => {
        const count = nodeFileSystem.read(fd, into.subarray(0, 600), position);
        if (isLate) truncateSync(path, 700);
        return count;
      },
    };
    const file = new SafetensorsFile(path, fileSystem);
    isLate = true;
    expect(() => read(file)).toThrow(changed);
    file.close();
  });

  it('goes on reading the file it opened when another takes its name', () => {
    const path = healthyFile();
    const file = new SafetensorsFile(path);
    writeFileSync(`${path}.new`, 'something else');
    renameSync(`${path}.new`, path);
    expect(read(file)).toEqual(data);
    file.close();
  });

  it('refuses what is no regular file without waiting for it', () => {
    const folder = temporaryFolder();
    expect(() => new SafetensorsFile(folder)).toThrow(expect.objectContaining({ code: 'E_NOT_A_FILE' }));
    expect(() => new SafetensorsFile(join(folder, 'none'))).toThrow(expect.objectContaining({ code: 'E_ENOENT' }));
    const pipe = join(folder, 'pipe.safetensors');
    execFileSync('mkfifo', [pipe]);
    expect(() => new SafetensorsFile(pipe)).toThrow(expect.objectContaining({ code: 'E_NOT_A_FILE' }));
  });
});
