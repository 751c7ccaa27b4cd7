import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * What a process needs to find the emulator of Metal, with a cache of its own for verdicts. The folder lies in that of the
 * test run, which removes it.
 */
export function metalEnvironment(): Record<string, string> {
  const runtime = process.env['CIDER_METAL_RUNTIME'];
  if (runtime === undefined) throw new Error('CIDER_METAL_RUNTIME is not set: npm run test:metal sets it');
  const emulator = Object.entries(process.env).filter(([name]) => /^(CIDER_EMULATOR_|TMPDIR$)/.test(name));
  return {
    ...(Object.fromEntries(emulator) as Record<string, string>),
    CIDER_METAL_RUNTIME: runtime,
    XDG_CACHE_HOME: mkdtempSync(join(tmpdir(), 'cider-metal-')),
  };
}
