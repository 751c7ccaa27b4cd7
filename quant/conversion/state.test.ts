import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { nodeFileSystem } from '../file-system.ts';
import { readState, STATE_NAME, writeState } from './state.ts';

const fingerprint = { input: 'a', mode: 'w8a8' };
const file = { name: 'model.safetensors', bytes: 3, sha256: 'ab' };

/** What is read from a state file of this content, beside a file of three bytes. */
function read(content: unknown): ReturnType<typeof readState> {
  const folder = join(temporaryFolder(), 'out');
  mkdirSync(folder);
  writeFileSync(join(folder, file.name), 'abc');
  writeFileSync(join(folder, STATE_NAME), JSON.stringify(content));
  return readState(nodeFileSystem, folder, fingerprint);
}

describe('readState', () => {
  it('knows the files of an unfinished run that are still there as they were', () => {
    expect(read({ fingerprint, done: [file, { ...file, name: 'gone' }, { ...file, bytes: 4 }] })).toEqual([file]);
  });

  it('reads what was written', () => {
    const folder = temporaryFolder();
    expect(readState(nodeFileSystem, folder, fingerprint)).toBeUndefined();
    writeState(nodeFileSystem, folder, { fingerprint, done: [] });
    expect(readState(nodeFileSystem, folder, fingerprint)).toEqual([]);
    expect(() => readState(nodeFileSystem, folder, { ...fingerprint, mode: 'w4a8' })).toThrow(/differs in mode/);
  });

  it.each([
    [null],
    [[]],
    [{ done: [] }],
    [{ fingerprint: 'text', done: [] }],
    [{ fingerprint: { input: 7 }, done: [] }],
    [{ fingerprint, done: {} }],
    [{ fingerprint, done: [null] }],
    [{ fingerprint, done: [{ bytes: 3 }] }],
    [{ fingerprint, done: [{ ...file, name: 7 }] }],
  ])('takes %j for no state', (content) => {
    expect(read(content)).toBeUndefined();
  });
});
