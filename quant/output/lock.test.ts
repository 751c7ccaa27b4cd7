import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { faultyFileSystem, faults } from '../../testing/faulty-file-system.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { nodeFileSystem, type FileSystem } from '../file-system.ts';
import { acquireLock, type LockOwner } from './lock.ts';

const owner: LockOwner = { pid: 4711, host: 'here', isAlive: () => true };

/** What a lock file may hold, written a minute ago. */
function lockWith(content: string): string {
  const path = join(temporaryFolder(), 'lock');
  writeFileSync(path, content);
  const past = Date.now() / 1000 - 60;
  utimesSync(path, past, past);
  return path;
}

const locked = expect.objectContaining({ name: 'ResourceError', code: 'E_LOCKED' }) as Error;

describe('acquireLock', () => {
  it('names who holds it, and is given back once', () => {
    const path = join(temporaryFolder(), 'lock');
    const release = acquireLock(nodeFileSystem, path, owner);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ pid: 4711, host: 'here' });
    expect(() => acquireLock(nodeFileSystem, path, { ...owner, pid: 1 })).toThrow(locked);
    release();
    release();
    expect(existsSync(path)).toBe(false);
  });

  it.each([
    ['nothing', ''],
    ['the beginning of a name', '{"pid":47'],
    ['zeros', '\0'.repeat(30)],
  ])('is taken over where a run was cut off that had written %s', (_, content) => {
    const path = lockWith(content);
    acquireLock(nodeFileSystem, path, owner)();
    expect(readdirSync(join(path, '..'))).toEqual([]);
  });

  it('waits for the name of a run that has just begun', () => {
    const path = join(temporaryFolder(), 'lock');
    writeFileSync(path, '');
    let looks = 0;
    const slow: FileSystem = {
      ...nodeFileSystem,
      read: (fd, into, position) => {
        looks += 1;
        return nodeFileSystem.read(fd, into, position);
      },
      statusOf: (each) => {
        if (looks === 0) writeFileSync(path, JSON.stringify({ pid: 1, host: 'here' }));
        return nodeFileSystem.statusOf(each);
      },
    };
    expect(() => acquireLock(slow, path, owner)).toThrow(locked);
  });

  it.each([
    ['a file that is none of ours', 'dear diary'],
    ['a file that is too long', 'x'.repeat(5000)],
    ['the lock of another host', JSON.stringify({ pid: 1, host: 'there' })],
  ])('leaves %s alone', (_, content) => {
    const path = lockWith(content);
    const dead = { ...owner, isAlive: () => false };
    expect(() => acquireLock(nodeFileSystem, path, dead)).toThrow(locked);
    expect(readFileSync(path, 'utf8')).toBe(content);
  });

  it('is not held by a run that stood still until another one had taken it over', () => {
    const path = join(temporaryFolder(), 'lock');
    const other: LockOwner = { ...owner, pid: 1 };
    const standsStill: FileSystem = {
      ...nodeFileSystem,
      fsync: (fd) => {
        nodeFileSystem.remove(path);
        acquireLock(nodeFileSystem, path, other);
        nodeFileSystem.fsync(fd);
      },
    };
    expect(() => acquireLock(standsStill, path, owner)).toThrow(/process 1 on here/);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: 1 });
  });

  it('tries again if the holder gives it back in that moment', () => {
    const path = lockWith(JSON.stringify({ pid: 1, host: 'here' }));
    let isFirst = true;
    const justGone: FileSystem = {
      ...nodeFileSystem,
      open: (each, mode) => {
        if (mode === 'read' && isFirst) {
          isFirst = false;
          nodeFileSystem.remove(path);
        }
        return nodeFileSystem.open(each, mode);
      },
    };
    acquireLock(justGone, path, owner)();
    expect(existsSync(path)).toBe(false);
  });

  it.each(faults)('does not stay behind after %s at any operation', (fault) => {
    for (let at = 0, fired = true; fired; at++) {
      const path = lockWith(JSON.stringify({ pid: 1, host: 'here' }));
      const fileSystem = faultyFileSystem(fault, at);
      let isTaken = false;
      try {
        const release = acquireLock(fileSystem, path, { ...owner, isAlive: (pid) => pid === owner.pid });
        isTaken = true;
        release();
      } catch {
        expect(fileSystem.fired).toBe(true);
      }
      fired = fileSystem.fired;
      expect(fileSystem.openFiles).toBe(0);
      // A fault in giving back leaves a lock that the next run takes over when this process has ended.
      const next = { ...owner, pid: 5, isAlive: () => isTaken && !fired };
      acquireLock(nodeFileSystem, path, next)();
    }
  });
});
