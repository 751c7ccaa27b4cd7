import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packagePath } from './package-path.ts';

interface Packed {
  files: { path: string; size: number }[];
  unpackedSize: number;
}

/** What the package may hold, and how much of each: the rest of the repository is for those who work on it. */
const allowed: readonly [pattern: RegExp, most: number][] = [
  [/^(README|LICENSE|CHANGELOG|SECURITY)(\.md)?$/, 100_000],
  [/^package\.json$/, 10_000],
  // Every module with its types.
  [/^dist\/(bin|commands|library|eval|hub|quant|kernels)\/([a-z0-9-]+\/)*[a-z0-9-]+(\.d\.ts|\.js)$/, 3_000_000],
  [/^dist\/index(\.d\.ts|\.js)$/, 10_000],
  [/^eval\/neighbours\/neighbours\.py$/, 50_000],
  [/^kernels\/cider\.h$/, 50_000],
  [/^kernels\/prebuilt\/(manifest\.json|[a-z0-9-]+\/libcider\.(so|dylib))$/, 3_000_000],
  [/^fixtures\/tiny-qwen3\/(README\.md|[a-z_]+\.json|model\.safetensors)$/, 4_000_000],
  [/^fixtures\/heldout\.txt$/, 50_000],
];

/** Modules that only tests and developers need. */
const developersOnly = /\.test\.|\/testing\/|^dist\/(commands|quant)\/bench\/|\/cli-docs\.|^dist\/fixtures\//;

const needed = [
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  'SECURITY.md',
  'dist/bin/cider.js',
  'dist/index.js',
  'dist/index.d.ts',
  'eval/neighbours/neighbours.py',
  'kernels/prebuilt/linux-x64/libcider.so',
  'kernels/prebuilt/linux-arm64/libcider.so',
  'kernels/prebuilt/darwin-arm64/libcider.dylib',
  'fixtures/tiny-qwen3/model.safetensors',
];

const isModule = (name: string): boolean => name.endsWith('.js');

/** Modules of ours that a module names: by import, or as the entry of a thread or process. */
function importsOf(name: string): string[] {
  const source = readFileSync(packagePath(name), 'utf8');
  const found = source.matchAll(/(?:\bfrom |\bimport |\bimport\(|\bnew URL\()["'](\.{1,2}\/[^"']+\.js)["']/g);
  return [...found].map(([, path]) => join(dirname(name), path));
}

describe('the package', () => {
  it('holds what is needed and nothing else', () => {
    const args = ['pack', '--dry-run', '--ignore-scripts', '--json'];
    const output = execFileSync('npm', args, {
      cwd: packagePath(''),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [{ files }] = JSON.parse(output) as [Packed];
    const names = files.map(({ path }) => path);
    expect(names.filter((name) => !allowed.some(([pattern]) => pattern.test(name)))).toEqual([]);
    expect(names.filter((name) => developersOnly.test(name))).toEqual([]);
    expect(needed.filter((name) => !names.includes(name))).toEqual([]);
    expect(
      names
        .filter(isModule)
        .flatMap(importsOf)
        .filter((name) => !names.includes(name)),
    ).toEqual([]);
    for (const [pattern, most] of allowed) {
      const bytes = files.filter(({ path }) => pattern.test(path)).reduce((sum, { size }) => sum + size, 0);
      expect(bytes, String(pattern)).toBeGreaterThan(0);
      expect(bytes, String(pattern)).toBeLessThanOrEqual(most);
    }
  });
});
