import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { packagePath } from './package-path.ts';

/**
 * Packs the package and lays it out as `npm install` does, with the dependencies that are here already, so that no
 * registry is needed. @returns its folder
 */
function install(): string {
  const folder = temporaryFolder();
  const options = { cwd: packagePath(''), stdio: 'ignore' } as const;
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], options);
  const [archive] = readdirSync(folder);
  execFileSync('tar', ['-xzf', archive], { cwd: folder });
  const modules = join(folder, 'node_modules');
  mkdirSync(modules);
  const installed = join(modules, 'cider-quant');
  renameSync(join(folder, 'package'), installed);
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(realpathSync(packagePath(`node_modules/${name}`)), join(modules, name));
  }
  return installed;
}

describe('the package, installed', () => {
  it('runs as a program and as a library', () => {
    const folder = install();
    const run = (...args: string[]): string =>
      execFileSync(process.execPath, args, { cwd: join(folder, '../..'), encoding: 'utf8' });
    const program = join(folder, 'dist/bin/cider.js');
    expect(run(program, 'eval-ppl', '--samples', '1', '--quiet')).toMatch(/^w4a8 /m);
    const check = ['check', join(folder, 'fixtures/tiny-qwen3'), '--neighbours', 'vllm', '--quiet'];
    expect(run(program, ...check)).toMatch(/^neighbour/m);
    const script = `import { openBackend } from 'cider-quant'; console.log((await openBackend()).info.name); process.exit()`;
    expect(run('--input-type=module', '-e', script)).toMatch(/^(cpu|reference)\n$/);
  });
});
