import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { nativeLibraryForTests } from '../testing/native-library.ts';
import { tinyLibrary, type TinyLibrary } from '../testing/tiny-library.ts';
import { ABI_VERSION } from './native.ts';
import { findLibrary } from './prebuilt.ts';
import { probeLibrary } from './probe.ts';

const library = nativeLibraryForTests();

async function reasonAgainst(content: string | Uint8Array, timeoutMs?: number): Promise<string> {
  const path = join(temporaryFolder(), 'libcider.so');
  writeFileSync(path, content);
  const result = await probeLibrary(path, timeoutMs === undefined ? {} : { timeoutMs });
  if (result.ok) throw new Error('the probe took the library');
  expect(result.reason).toContain(path);
  expect(result.reason).not.toContain('\n');
  return result.reason.replaceAll(path, 'PATH');
}

const reasonAgainstLibrary = (library: TinyLibrary, timeoutMs?: number): Promise<string> =>
  reasonAgainst(tinyLibrary(library), timeoutMs);

const rightAbi = { cider_abi_version: { returns: ABI_VERSION } };

describe('probeLibrary', () => {
  it.skipIf(!library)('says what the cpu backend is on this machine', async () => {
    const isas = library?.isas('cpu') ?? [];
    const { path } = findLibrary(process.env['CIDER_LIBRARY']);
    const result = await probeLibrary(path, { isa: 'generic', cache: '/nonexistent' });
    expect(result).toMatchObject({
      ok: true,
      report: { abiVersion: ABI_VERSION, isa: 'generic', isas, cpuFeatures: library?.cpuFeatures, trial: [] },
    });
    expect(await probeLibrary(path, { isa: 'mmx' })).toEqual({
      ok: false,
      reason: `cider_open: open: this machine does not run mmx; it runs ${isas.join(' ')}`,
      trial: [],
    });
  });

  it.skipIf(!library || process.platform === 'darwin')(
    'says why metal does not work here, and at which step',
    async () => {
      vi.stubEnv('CIDER_METAL_RUNTIME', undefined);
      const { path } = findLibrary(process.env['CIDER_LIBRARY']);
      const result = await probeLibrary(path, { backend: 'metal' });
      vi.unstubAllEnvs();
      if (result.ok) throw new Error('metal works without a Mac');
      expect(result.reason).toMatch(/^cider_open: this machine has no Metal/);
      expect(result.trial?.at(-1)).toMatchObject({
        status: 'fail',
        detail: expect.stringContaining('Metal') as string,
      });
    },
  );

  it('names a file that is not there, or no library', async () => {
    const path = join(temporaryFolder(), 'libcider.so');
    expect(await probeLibrary(path)).toMatchObject({ ok: false, reason: expect.stringContaining(path) as string });
    expect(await reasonAgainst('not a library')).toMatch(/^PATH: /);
    expect(await reasonAgainst('')).toMatch(/^PATH: /);
  });
});

// The libraries are made by hand, in the format of Linux.
describe.skipIf(process.platform !== 'linux')('probeLibrary on Linux', () => {
  it('refuses another version of the interface', async () => {
    const reason = await reasonAgainstLibrary({ functions: { cider_abi_version: { returns: 99 } } });
    expect(reason).toBe(`PATH: its ABI version is 99, not ${ABI_VERSION}`);
  });

  it('refuses a library that is not ours, or not all of it', async () => {
    expect(await reasonAgainstLibrary({ functions: { other: { returns: 1 } } })).toContain("'cider_abi_version'");
    expect(await reasonAgainstLibrary({ functions: rightAbi })).toContain("'cider_last_error'");
  });

  it('refuses a library for another CPU', async () => {
    const arch = process.arch === 'arm64' ? 'x64' : 'arm64';
    expect(await reasonAgainstLibrary({ functions: rightAbi, arch })).toMatch(
      /^PATH: .*cannot open shared object file/,
    );
  });

  it('outlives a library that crashes while it is loaded or called', async () => {
    expect(await reasonAgainstLibrary({ functions: rightAbi, onLoad: 'crash' })).toBe(
      'PATH ended the process that tried it: SIGILL',
    );
    expect(await reasonAgainstLibrary({ functions: { cider_abi_version: 'crash' } })).toBe(
      'PATH ended the process that tried it: SIGILL',
    );
  });

  it('ends a library that hangs', async () => {
    expect(await reasonAgainstLibrary({ functions: rightAbi, onLoad: 'hang' }, 2000)).toBe(
      'PATH did not answer within 2 s',
    );
  });
});
