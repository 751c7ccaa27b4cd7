import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli } from '../testing/run-cli.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { nativeLibraryForTests } from '../testing/native-library.ts';
import { tinyLibrary } from '../testing/tiny-library.ts';

interface Document {
  ok: boolean;
  warnings: string[];
  env: { backend: string | null; isa: string | null; librarySha256: string | null };
  result: { rows: { config: string; perplexity: number }[] };
  error?: { code: string; exit: number; message: string };
}

const library = nativeLibraryForTests();
const short = ['eval-ppl', '--ctx', '64', '--samples', '1', '--configs', 'w8a8', '--json'];

async function evaluate(args: readonly string[], env: Record<string, string> = {}): Promise<[Document, number | null]> {
  const run = await runCli([...short, ...args], { env });
  expect(run.stderr).toBe('');
  return [JSON.parse(run.stdout) as Document, run.exitCode];
}

describe('--backend', () => {
  it.skipIf(!library)('is the native library unless told otherwise', async () => {
    const [document, exitCode] = await evaluate([]);
    expect(exitCode).toBe(0);
    expect(document).toMatchObject({ ok: true, warnings: [], env: { backend: 'cpu', isa: library?.isas('cpu')[0] } });
    expect(document.env.librarySha256).toMatch(/^[0-9a-f]{64}$/);
    const [reference] = await evaluate(['--backend', 'reference']);
    expect(reference.env).toMatchObject({ backend: 'reference', isa: 'typescript', librarySha256: null });
    // Layers have the same bits. Norms and attention between them differ by roundings, each of which may turn a code of
    // an activation into the next: in a model with large channels, as this one, that is no small step.
    const [native, expected] = [document, reference].map(({ result }) => result.rows[0].perplexity);
    expect(Math.abs(native / expected - 1)).toBeLessThan(1e-2);
  });

  it.skipIf(!library)('takes the instruction set of CIDER_ISA', async () => {
    const [document] = await evaluate(['--threads', '1'], { CIDER_ISA: 'generic' });
    expect(document.env).toMatchObject({ backend: 'cpu', isa: 'generic' });
  });

  it('falls back to the reference with a warning of one line when the library is gone', async () => {
    const path = join(temporaryFolder(), 'libcider.so');
    const [document, exitCode] = await evaluate([], { CIDER_LIBRARY: path });
    expect(exitCode).toBe(0);
    expect(document.env).toEqual(expect.objectContaining({ backend: 'reference', librarySha256: null }));
    expect(document.warnings).toEqual([
      `the cpu backend is not available, the slow reference takes its place: ${path} is not there`,
    ]);
  });

  it('exits 6 when the backend was named', async () => {
    const path = join(temporaryFolder(), 'libcider.so');
    const [document, exitCode] = await evaluate(['--backend', 'cpu'], { CIDER_LIBRARY: path });
    expect(exitCode).toBe(6);
    expect(document).toMatchObject({ ok: false, error: { code: 'E_BACKEND_UNAVAILABLE', exit: 6 } });
    expect(document.error?.message).toBe(`the cpu backend is not available: ${path} is not there`);
  });

  it.skipIf(!library || process.platform === 'darwin')('says in one sentence that there is no Metal here', async () => {
    const [document, exitCode] = await evaluate(['--backend', 'metal']);
    expect(exitCode).toBe(6);
    expect(document.error).toMatchObject({ code: 'E_BACKEND_UNAVAILABLE', exit: 6 });
    expect(document.error?.message).toMatch(/^the metal backend is not available: [^\n]+$/);
  });

  it.skipIf(!library)('does not have an instruction set that the machine lacks', async () => {
    const [document, exitCode] = await evaluate(['--backend', 'cpu'], { CIDER_ISA: 'mmx' });
    expect(exitCode).toBe(6);
    expect(document.error?.message).toMatch(/does not run mmx; it runs .*generic/);
  });

  it.skipIf(process.platform !== 'linux')('survives a library that crashes', async () => {
    const path = join(temporaryFolder(), 'libcider.so');
    writeFileSync(path, tinyLibrary({ functions: {}, onLoad: 'crash' }));
    const [document, exitCode] = await evaluate([], { CIDER_LIBRARY: path });
    expect(exitCode).toBe(0);
    expect(document.env.backend).toBe('reference');
    expect(document.warnings[0]).toContain(`${path} ended the process that tried it: SIGILL`);
  });

  it('refuses a name that there is not', async () => {
    const run = await runCli(['eval-ppl', '--backend', 'gpu']);
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(run.stderr).toContain('It must be one of auto, cpu, metal, reference.');
  });
});
