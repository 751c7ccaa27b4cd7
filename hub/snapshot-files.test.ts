import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { listSnapshot } from './snapshot-files.ts';

it('lists files and links to files, also in folders, and follows no link to a folder', () => {
  const root = temporaryFolder();
  const snapshot = join(root, 'snapshot');
  mkdirSync(join(snapshot, 'onnx'), { recursive: true });
  mkdirSync(join(root, 'blobs'));
  writeFileSync(join(root, 'blobs', 'a'), 'a');
  writeFileSync(join(snapshot, 'onnx', 'model.onnx'), 'b');
  symlinkSync('../blobs/a', join(snapshot, 'config.json'));
  symlinkSync('../blobs/gone', join(snapshot, 'gone.json'));
  symlinkSync('../blobs', join(snapshot, 'outside'));
  symlinkSync('.', join(snapshot, 'loop'));
  expect(listSnapshot(snapshot)).toEqual(['config.json', 'onnx/model.onnx']);
  expect(listSnapshot(join(root, 'none'))).toEqual([]);
});
