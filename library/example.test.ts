import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packagePath } from '../commands/package-path.ts';

/** Inside of the package, so that it finds `cider-quant` by its own name and exports. */
const files = {
  module: packagePath('dist/library/example-of-readme.mjs'),
  typed: packagePath('dist/library/example-of-readme.mts'),
};

describe('the example of the README', () => {
  beforeAll(() => {
    const section = readFileSync(packagePath('README.md'), 'utf8').split('## As a library')[1];
    const example = /```ts\n(.*?)```/s.exec(section)?.[1] ?? '';
    expect(example).toContain("from 'cider-quant'");
    for (const path of Object.values(files)) writeFileSync(path, example);
  });

  afterAll(() => {
    for (const path of Object.values(files)) rmSync(path, { force: true });
  });

  it('runs', () => {
    const output = execFileSync(process.execPath, [files.module], { encoding: 'utf8' });
    expect(output).toMatch(/^\w+ [\w-]+ 32 x 4096\n$/);
  });

  it('has types', () => {
    const compiler = packagePath('node_modules/typescript/bin/tsc');
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--skipLibCheck',
      '--ignoreConfig',
    ];
    expect(execFileSync(process.execPath, [compiler, ...options, files.typed], { encoding: 'utf8' })).toBe('');
  });
});
