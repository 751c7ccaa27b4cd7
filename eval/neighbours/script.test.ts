import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { askPython } from './ask-python.ts';
import { neighbourNames } from './neighbour.ts';
import { parseListing } from './protocol.ts';

const script = fileURLToPath(new URL('../../../eval/neighbours/neighbours.py', import.meta.url));
const source = readFileSync(script, 'utf8');

const pythonMinor = Number(
  /^Python 3\.(\d+)/.exec(spawnSync('python3', ['--version'], { encoding: 'utf8' }).stdout)?.[1],
);

describe('neighbours.py', () => {
  it('never lets code of a checkpoint run, and takes weights from safetensors only', () => {
    const trusted = [...source.matchAll(/trust_remote_code\s*=\s*(\w+)/g)].map(([, value]) => value);
    expect(trusted).toEqual(['False', 'False']);
    expect(source).toContain('use_safetensors=True');
    expect(source).toContain('load_format="safetensors"');
    expect(source).not.toMatch(/pickle|subprocess|os\.system|torch\.load|(?<!\.)\b(eval|exec|compile)\(/);
  });

  it.skipIf(!(pythonMinor >= 9))('lists what a Python has, whatever that is', async () => {
    const { signal } = new AbortController();
    const options = { python: 'python3', script, timeoutSeconds: 60, signal };
    const answer = await askPython({ do: 'list', compressed: true }, options);
    const listing = answer.ok ? parseListing(answer.answer) : undefined;
    expect(listing?.python).toMatch(/^3\.\d+\.\d+$/);
    expect(Object.keys(listing?.neighbours ?? {})).toEqual([...neighbourNames]);
  });

  it.skipIf(!(pythonMinor >= 9))('ends when its caller does', () => {
    const run = (): Buffer => execFileSync('python3', ['-B', script], { input: '', stdio: 'pipe' });
    expect(run).toThrow('no request');
  });
});
