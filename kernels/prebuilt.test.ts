import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { findLibrary, LibraryMissingError } from './prebuilt.ts';

const platform = `${process.platform}-${process.arch}`;
const content = 'a library';
const sha256 = createHash('sha256').update(content).digest('hex');

/** A folder as `npm run build:native` leaves it. */
function publish(libraries: object = { [platform]: { file: `${platform}/libcider.so`, bytes: 9, sha256 } }) {
  const folder = temporaryFolder();
  mkdirSync(join(folder, platform));
  const path = join(folder, platform, 'libcider.so');
  writeFileSync(path, content);
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ abiVersion: 1, libraries }));
  return { folder, path, find: () => findLibrary(undefined, pathToFileURL(`${folder}/`)) };
}

describe('findLibrary', () => {
  it('finds the one that was published for this platform', () => {
    const { path, find } = publish();
    expect(find()).toEqual({ path, sha256, isOverride: false });
  });

  it('takes another build as it is, from wherever the path leads', () => {
    const { path } = publish();
    expect(findLibrary(relative(process.cwd(), path))).toEqual({ path, sha256, isOverride: true });
  });

  it('refuses one that is not as it was published', () => {
    const { path, find } = publish();
    writeFileSync(path, 'another library');
    expect(find).toThrow(LibraryMissingError);
    expect(find).toThrow(`${path} is not the library that was published: its SHA-256 is `);
  });

  it('names what is missing', () => {
    const { folder, path, find } = publish();
    rmSync(path);
    expect(find).toThrow(`${path} is not there`);
    rmSync(join(folder, 'manifest.json'));
    expect(find).toThrow('manifest.json is not there');
    expect(() => findLibrary(folder)).toThrow(`${folder} cannot be read: EISDIR`);
    expect(publish({}).find).toThrow(`there is no library for ${platform}`);
  });
});
