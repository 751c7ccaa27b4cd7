import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { packagePath } from './package-path.ts';

interface Locked {
  version: string;
  license: string;
  integrity: string;
  dev?: boolean;
  optional?: boolean;
  hasInstallScript?: boolean;
}

const read = (name: string): string => readFileSync(packagePath(name), 'utf8');
const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };
const manifest = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
const page = read('SECURITY.md');

/** By name, without those for developers. */
const locked = new Map(
  Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, entry]) => [path.replace(/^.*node_modules\//, ''), entry]),
);

describe('dependencies', () => {
  it('stand in SECURITY.md with their versions and licences, and have a page that says why', () => {
    const rows = [...page.matchAll(/^\| (\S+) +\| (\d\S+) +\| (\S+) +\|.*\]\((docs\/decisions\/\S+\.md)\)/gm)];
    expect(rows.map(([, name]) => name).sort()).toEqual(Object.keys(manifest.dependencies).sort());
    for (const [, name, version, license, decision] of rows) {
      expect(locked.get(name)).toMatchObject({ version, license });
      expect(read(decision).toLowerCase()).toContain(name);
    }
  });

  it('are named there with what they bring along', () => {
    const names = [...locked.keys()].filter((name) => !name.startsWith('@koromix/koffi-'));
    expect(names.filter((name) => !page.includes(name))).toEqual([]);
    expect([...locked].filter(([, { hasInstallScript }]) => hasInstallScript).map(([name]) => name)).toEqual(['koffi']);
  });

  it('have licences that allow all use, and hashes', () => {
    for (const [name, { license, integrity }] of locked) {
      expect(['MIT', 'Apache-2.0'], name).toContain(license);
      expect(integrity, name).toMatch(/^sha512-/);
    }
  });
});
