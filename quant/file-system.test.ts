import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { faultyFileSystem, forEachFault, isOvercome } from '../testing/faulty-file-system.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { CiderError } from './errors.ts';
import { fileOperation, nodeFileSystem, readExactly, writeExactly, writeNewFile } from './file-system.ts';

const failWith = (code: string) => (): never => {
  throw Object.assign(new Error(code), { code, syscall: 'read' });
};

describe('fileOperation', () => {
  it.each(['EIO', 'EMFILE', 'ENOSPC', 'EDQUOT', 'EACCES', 'EROFS'])('names path, errno and offset of %s', (errno) => {
    expect(() => fileOperation('a/file', failWith(errno), 4096)).toThrow(
      expect.objectContaining({
        name: 'ResourceError',
        code: `E_${errno}`,
        message: `a/file: read failed at offset 4096 (${errno})`,
        details: { file: 'a/file', errno, operation: 'read', offset: 4096 },
        hint: expect.any(String) as string,
      }),
    );
  });

  it('repeats what was interrupted, but not forever', () => {
    let calls = 0;
    const interruptedTwice = (): string => (++calls <= 2 ? failWith('EINTR')() : 'done');
    expect(fileOperation('a', interruptedTwice)).toBe('done');
    expect(() => fileOperation('a', failWith('EINTR'))).toThrow(/EINTR/);
  });

  it('lets errors that come from no file operation through', () => {
    expect(() =>
      fileOperation('a', () => {
        throw new TypeError('a bug');
      }),
    ).toThrow(TypeError);
  });
});

describe('reading and writing', () => {
  it('loop over short transfers', () => {
    const path = join(temporaryFolder(), 'file');
    const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
    for (const fault of ['short read', 'short write'] as const) {
      const fileSystem = faultyFileSystem(fault, 0);
      const fd = fileSystem.open(path + fault, 'create');
      writeExactly(fileSystem, fd, bytes, 0, path);
      const back = new Uint8Array(1000);
      expect(readExactly(fileSystem, fd, back, 0, path)).toBe(true);
      expect(back).toEqual(bytes);
      expect(fileSystem.fired).toBe(true);
      fileSystem.close(fd);
    }
  });

  it('tell a file that ends too early from one that does not', () => {
    const path = join(temporaryFolder(), 'file');
    writeFileSync(path, 'abc');
    const fd = nodeFileSystem.open(path, 'read');
    expect(readExactly(nodeFileSystem, fd, new Uint8Array(3), 0, path)).toBe(true);
    expect(readExactly(nodeFileSystem, fd, new Uint8Array(3), 1, path)).toBe(false);
    nodeFileSystem.close(fd);
  });

  it('report a disk that takes nothing instead of trying forever', () => {
    const stalled = { ...nodeFileSystem, write: () => 0 };
    expect(() => {
      writeExactly(stalled, 0, new Uint8Array(1), 7, 'a/file');
    }).toThrow(/a\/file: the disk took no bytes at offset 7/);
  });
});

describe('writeNewFile', () => {
  it('makes the whole file or none, whatever operation fails', () => {
    const folder = temporaryFolder();
    let run = 0;
    forEachFault((fileSystem, fault) => {
      const name = `file-${run++}`;
      try {
        writeNewFile(fileSystem, join(folder, name), Buffer.from('content'));
        expect(readFileSync(join(folder, name), 'utf8')).toBe('content');
      } catch (error) {
        expect(isOvercome(fault)).toBe(false);
        expect(error).toBeInstanceOf(CiderError);
        expect(readdirSync(folder)).not.toContain(name);
      }
      expect(fileSystem.openFiles).toBe(0);
    });
  });

  it('never replaces a file', () => {
    const path = join(temporaryFolder(), 'file');
    writeFileSync(path, 'precious');
    expect(() => {
      writeNewFile(nodeFileSystem, path, Buffer.from('new'));
    }).toThrow(/EEXIST/);
    expect(readFileSync(path, 'utf8')).toBe('precious');
  });
});
