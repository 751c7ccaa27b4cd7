import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nativeLibraryForTests } from '../testing/native-library.ts';
import { runCli } from '../testing/run-cli.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import type { Check } from './doctor-backends.ts';

interface Document {
  schema: string;
  ok: boolean;
  result: { checks: Check[] };
  error?: { code: string; exit: number };
}

const library = nativeLibraryForTests();

async function diagnose(args: readonly string[], env: Record<string, string> = {}): Promise<[Document, number | null]> {
  const run = await runCli(['doctor', '--json', ...args], { env });
  return [JSON.parse(run.stdout) as Document, run.exitCode];
}

const statusOf = ({ result }: Document): Record<string, string> =>
  Object.fromEntries(result.checks.map(({ name, status }) => [name, status]));

describe('cider doctor', () => {
  it.skipIf(!library)('prints one line for each thing', async () => {
    const run = await runCli(['doctor']);
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    const lines = run.stdout.trimEnd().split('\n');
    for (const line of lines) expect(line).toMatch(/^(ok {2}|warn) {2}\S/);
    const names = [
      'node',
      'libc',
      'cpu',
      'library',
      'library hash',
      'library trial',
      'backend cpu',
      'backend reference',
    ];
    for (const name of names)
      expect(
        lines.some((line) => line.slice(6).startsWith(`${name}  `)),
        name,
      ).toBe(true);
    expect(run.stdout).toMatch(/^ok {4}library hash +[0-9a-f]{64}, as published$/m);
  });

  it.skipIf(!library)('holds the same in one document', async () => {
    const [document, exitCode] = await diagnose(['--backend', 'cpu']);
    expect(exitCode).toBe(0);
    expect(document).toMatchObject({ schema: 'cider.doctor/1', ok: true });
    expect(statusOf(document)).toMatchObject({ 'backend cpu': 'ok', 'library hash': 'ok', 'backend reference': 'ok' });
  });

  it.skipIf(!library)('says that the hash of another build is not checked', async () => {
    const [document, exitCode] = await diagnose([], { CIDER_LIBRARY: library?.path ?? '' });
    expect(exitCode).toBe(0);
    expect(statusOf(document)).toMatchObject({ 'backend cpu': 'ok', 'library hash': 'warn' });
  });

  it('exits 6 for a library that was named and does not work', async () => {
    const path = join(temporaryFolder(), 'libcider.so');
    writeFileSync(path, 'not a library');
    const [document, exitCode] = await diagnose([], { CIDER_LIBRARY: path });
    expect(exitCode).toBe(6);
    expect(document).toMatchObject({ ok: false, error: { code: 'E_BACKEND_UNAVAILABLE', exit: 6 } });
    expect(statusOf(document)).toMatchObject({ 'backend cpu': 'fail', 'backend reference': 'ok' });
    expect(document.result.checks.find(({ name }) => name === 'backend cpu')?.detail).toContain(path);
  });

  it.skipIf(process.platform === 'darwin')('says in one line that there is no Metal here', async () => {
    const [document, exitCode] = await diagnose([]);
    expect(exitCode).toBe(0);
    const lines = document.result.checks.filter(({ name }) => name.includes('metal'));
    expect(lines).toEqual([expect.objectContaining({ name: 'backend metal', status: 'ok' })]);
    expect(lines[0].detail).toMatch(/^absent: [^\n]+$/);
    const [named, failed] = await diagnose(['--backend', 'metal']);
    expect(failed).toBe(6);
    expect(statusOf(named)['backend metal']).toBe('fail');
  });

  it('finds nothing wrong with the reference alone', async () => {
    const [document, exitCode] = await diagnose(['--backend', 'reference']);
    expect(exitCode).toBe(0);
    expect(statusOf(document)['backend reference']).toBe('ok');
  });

  it('says where models are kept', async () => {
    const [{ result }] = await diagnose([], { HF_HOME: '/somewhere' });
    expect(result.checks.at(-1)).toMatchObject({ name: 'model cache', detail: '/somewhere/hub (not there yet)' });
  });
});
