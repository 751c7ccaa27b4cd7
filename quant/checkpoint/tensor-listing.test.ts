import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { safetensors } from '../../fixtures/attacks/attack.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { listTensors } from './tensor-listing.ts';

describe('listTensors', () => {
  it('shows tensors of unknown dtypes and wrong sizes', () => {
    const path = join(temporaryFolder(), 'x.safetensors');
    writeFileSync(
      path,
      safetensors(
        '{"a":{"dtype":"I4","shape":[8],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[9],"data_offsets":[2,6]}}',
      ),
    );
    expect(listTensors(path)).toEqual({
      tensors: [
        { name: 'a', dtype: 'I4', shape: [8], bytes: 4, file: 'x.safetensors' },
        { name: 'b', dtype: 'F32', shape: [9], bytes: 4, file: 'x.safetensors' },
      ],
      problems: [],
    });
  });

  it('lists every file of a folder and tells which it cannot read', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'a.safetensors'), safetensors('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'));
    writeFileSync(join(folder, 'b.safetensors'), 'GGUF');
    writeFileSync(join(folder, 'c.txt'), '');
    mkdirSync(join(folder, 'd.safetensors'));
    const { tensors, problems } = listTensors(folder);
    expect(tensors.map(({ name }) => name)).toEqual(['a']);
    expect(problems.map(({ code }) => code)).toEqual(['E_GGUF', 'E_NOT_A_FILE']);
  });

  it('reports a path where nothing is as a problem', () => {
    const { tensors, problems } = listTensors(join(temporaryFolder(), 'none'));
    expect(tensors).toEqual([]);
    expect(problems.map(({ code }) => code)).toEqual(['E_ENOENT']);
  });
});
