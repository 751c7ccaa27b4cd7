import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { nodeFileSystem, type FileSystem } from '../file-system.ts';
import type { LockOwner } from './lock.ts';
import { MANIFEST_NAME, serializeManifest, sha256, type Manifest } from './manifest.ts';
import { OutputFolder } from './output-folder.ts';

const owner: LockOwner = { pid: 4711, host: 'here', isAlive: () => true };

/** A folder with an input in it; returns paths of input and output. */
function setUp(): { input: string; output: string } {
  const root = temporaryFolder();
  mkdirSync(join(root, 'in'));
  return { input: join(root, 'in'), output: join(root, 'out') };
}

function claim(output: string, input: string, overwrite = false, by = owner): OutputFolder {
  return OutputFolder.claim(nodeFileSystem, output, input, { overwrite, owner: by });
}

/** What an earlier run of ours would have left. */
function writeEarlier(folder: string, content = 'old'): void {
  mkdirSync(folder);
  writeFileSync(join(folder, 'config.json'), content);
  const bytes = Buffer.from(content);
  const files = [{ name: 'config.json', bytes: bytes.length, sha256: sha256(bytes) }];
  const manifest: Manifest = { schema: 'cider.checkpoint/1', version: '0', recipe: {}, files };
  writeFileSync(join(folder, MANIFEST_NAME), serializeManifest(manifest));
}

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'no error';
};

describe('OutputFolder', () => {
  it('gives the partial folder its name at the end and leaves nothing else', () => {
    const { input, output } = setUp();
    const folder = claim(output, input);
    folder.begin();
    writeFileSync(join(folder.partialPath, 'a'), 'new');
    expect(existsSync(output)).toBe(false);
    folder.commit();
    folder.release();
    expect(readdirSync(join(output, '..'))).toEqual(['in', 'out']);
    expect(readFileSync(join(output, 'a'), 'utf8')).toBe('new');
  });

  it.each(['in', 'in/inner', '.'])('refuses the output %s, which overlaps with the input', (name) => {
    const { input } = setUp();
    expect(codeOf(() => claim(join(input, '..', name), input, true))).toBe('E_OUTPUT_IS_INPUT');
  });

  it('sees through links', () => {
    const { input } = setUp();
    const link = join(input, '..', 'link');
    symlinkSync(input, link);
    expect(codeOf(() => claim(link, input, true))).toBe('E_OUTPUT_IS_INPUT');
  });

  it('refuses an existing output, a file, and a missing parent', () => {
    const { input, output } = setUp();
    writeEarlier(output);
    expect(codeOf(() => claim(output, input))).toBe('E_OUTPUT_EXISTS');
    expect(codeOf(() => claim(join(output, 'config.json'), input, true))).toBe('E_OUTPUT_EXISTS');
    expect(codeOf(() => claim(join(output, 'x', 'y'), input))).toBe('E_NO_PARENT_FOLDER');
    expect(readdirSync(join(output, '..'))).toEqual(['in', 'out']);
  });

  it('takes an empty folder', () => {
    const { input, output } = setUp();
    mkdirSync(output);
    const folder = claim(output, input);
    folder.begin();
    folder.commit();
    folder.release();
    expect(readdirSync(join(output, '..'))).toEqual(['in', 'out']);
  });

  it('replaces an output of ours when asked', () => {
    const { input, output } = setUp();
    writeEarlier(output);
    const folder = claim(output, input, true);
    folder.begin();
    writeFileSync(join(folder.partialPath, 'a'), 'new');
    expect(readFileSync(join(output, 'config.json'), 'utf8')).toBe('old');
    folder.commit();
    folder.release();
    expect(readdirSync(output)).toEqual(['a']);
    expect(readdirSync(join(output, '..'))).toEqual(['in', 'out']);
  });

  it('refuses to replace what somebody else wrote, changed or added', () => {
    const { input, output } = setUp();
    mkdirSync(output);
    writeFileSync(join(output, 'thesis.txt'), 'years of work');
    expect(codeOf(() => claim(output, input, true))).toBe('E_OUTPUT_EXISTS');

    const changed = `${output}-changed`;
    writeEarlier(changed);
    writeFileSync(join(changed, 'config.json'), 'mod');
    expect(codeOf(() => claim(changed, input, true))).toBe('E_OUTPUT_EXISTS');

    const added = `${output}-added`;
    writeEarlier(added);
    writeFileSync(join(added, 'notes.md'), 'mine');
    expect(() => claim(added, input, true)).toThrow(/"notes.md" is not as cider wrote it/);
  });

  it('finishes an exchange that was cut short after the new folder arrived', () => {
    const { input, output } = setUp();
    writeEarlier(output, 'new');
    writeEarlier(`${output}.cider-old`, 'old');
    claim(output, input, true).release();
    expect(readdirSync(join(output, '..'))).toEqual(['in', 'out']);
    expect(readFileSync(join(output, 'config.json'), 'utf8')).toBe('new');
  });

  it('undoes an exchange that was cut short before', () => {
    const { input, output } = setUp();
    writeEarlier(output);
    renameSync(output, `${output}.cider-old`);
    claim(output, input, true).release();
    expect(readFileSync(join(output, 'config.json'), 'utf8')).toBe('old');
  });

  it('keeps a second run out and takes over the lock of one that died', () => {
    const { input, output } = setUp();
    const first = claim(output, input);
    expect(codeOf(() => claim(output, input, false, { ...owner, pid: 4712 }))).toBe('E_LOCKED');
    claim(output, input, false, { pid: 4712, host: 'here', isAlive: () => false }).release();
    expect(existsSync(`${output}.cider-lock`)).toBe(false);
    first.begin();
  });

  it('says that a folder is not writable before any work', () => {
    const { input, output } = setUp();
    const readOnly: FileSystem = {
      ...nodeFileSystem,
      open: (path, mode) => {
        if (mode === 'create') throw Object.assign(new Error('read-only'), { code: 'EROFS', syscall: 'open' });
        return nodeFileSystem.open(path, mode);
      },
    };
    expect(() => OutputFolder.claim(readOnly, output, input, { overwrite: false, owner })).toThrow(
      expect.objectContaining({
        name: 'ResourceError',
        code: 'E_NOT_WRITABLE',
        message: expect.stringMatching(/the folder is not writable \(EROFS\)$/) as string,
      }),
    );
  });

  it('leaves the lock of another host alone', () => {
    const { input, output } = setUp();
    claim(output, input);
    const elsewhere = { pid: 1, host: 'there', isAlive: () => false };
    expect(codeOf(() => claim(output, input, false, elsewhere))).toBe('E_LOCKED');
  });
});
