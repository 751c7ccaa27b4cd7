import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeOf, faultyFileSystem, faults, isOvercome } from '../../testing/faulty-file-system.ts';
import { hastyFileSystem } from '../../testing/hasty-file-system.ts';
import { powerLoss } from '../../testing/power-loss.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { nodeFileSystem, type FileSystem } from '../file-system.ts';
import { OutputFile } from './output-file.ts';

const mark = '# ours\n';
const claim = (path: string, overwrite = false): OutputFile =>
  OutputFile.claim(nodeFileSystem, path, { overwrite, mark });

describe('OutputFile', () => {
  it('writes a file and nothing beside it', () => {
    const folder = temporaryFolder();
    const output = claim(join(folder, 'a.txt'));
    expect(readdirSync(folder)).toEqual([]);
    output.write(`${mark}1`);
    expect(readdirSync(folder)).toEqual(['a.txt']);
    expect(readFileSync(output.path, 'utf8')).toBe(`${mark}1`);
  });

  it('replaces a file of ours only on request', () => {
    const path = join(temporaryFolder(), 'a.txt');
    writeFileSync(path, `${mark}1`);
    expect(() => claim(path)).toThrow(
      expect.objectContaining({ code: 'E_OUTPUT_EXISTS', hint: expect.stringContaining('--overwrite') as string }),
    );
    claim(path, true).write(`${mark}2`);
    expect(readFileSync(path, 'utf8')).toBe(`${mark}2`);
  });

  it.each(['', '#', 'my own notes'])('never replaces a file that holds %j', (content) => {
    const path = join(temporaryFolder(), 'a.txt');
    writeFileSync(path, content);
    expect(() => claim(path, true)).toThrow(expect.objectContaining({ code: 'E_OUTPUT_EXISTS' }));
    expect(readFileSync(path, 'utf8')).toBe(content);
  });

  it('does not replace what came into being since', () => {
    const folder = temporaryFolder();
    const output = claim(join(folder, 'a.txt'));
    writeFileSync(output.path, 'mine');
    expect(() => {
      output.write(mark);
    }).toThrow(expect.objectContaining({ code: 'E_OUTPUT_EXISTS' }));
    expect(readFileSync(output.path, 'utf8')).toBe('mine');
    expect(readdirSync(folder)).toEqual(['a.txt']);
  });

  it('refuses a folder, a link to one, and a place in no folder', () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'b'));
    symlinkSync('b', join(folder, 'c'));
    for (const name of ['b', 'c']) {
      expect(() => claim(join(folder, name), true)).toThrow(expect.objectContaining({ code: 'E_OUTPUT_EXISTS' }));
    }
    expect(() => claim(join(folder, 'none', 'a.txt'))).toThrow(expect.objectContaining({ code: 'E_NO_PARENT_FOLDER' }));
  });

  it.each(faults)('leaves the old file or the new one, and nothing that stands in the way, after %s', (fault) => {
    for (let at = 0, fired = true; fired; at++) {
      const folder = temporaryFolder();
      const path = join(folder, 'a.txt');
      writeFileSync(path, `${mark}old`);
      const fileSystem = faultyFileSystem(fault, at);
      const write = (disk: FileSystem): void => {
        OutputFile.claim(disk, path, { overwrite: true, mark }).write(`${mark}new`);
      };
      try {
        write(fileSystem);
        expect(readFileSync(path, 'utf8')).toBe(`${mark}new`);
      } catch (error) {
        expect(error).toMatchObject({ code: codeOf(fault) });
        expect(isOvercome(fault)).toBe(false);
      }
      ({ fired } = fileSystem);
      expect(fileSystem.openFiles).toBe(0);
      expect([`${mark}old`, `${mark}new`]).toContain(readFileSync(path, 'utf8'));
      write(hastyFileSystem);
      expect(readdirSync(folder)).toEqual(['a.txt']);
      expect(readFileSync(path, 'utf8')).toBe(`${mark}new`);
    }
  });

  it('leaves the old file or the new one, whole, when the power is lost', () => {
    for (let at = 0, isLost = true; isLost; at++) {
      for (let seed = 0; seed < 20; seed++) {
        const folder = temporaryFolder();
        const path = join(folder, 'a.txt');
        writeFileSync(path, `${mark}old`);
        const power = powerLoss(folder, at, 100 * at + seed);
        let isDone = false;
        try {
          OutputFile.claim(power.fileSystem, path, { overwrite: true, mark }).write(`${mark}new`);
          isDone = true;
        } catch {
          expect(power.isLost).toBe(true);
        }
        ({ isLost } = power);
        power.restart();
        expect([...(isDone ? [] : [`${mark}old`]), `${mark}new`]).toContain(readFileSync(path, 'utf8'));
      }
    }
  });
});
