import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { packagePath } from '../../commands/package-path.ts';
import { InputError } from '../../quant/errors.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { readParquet } from './parquet.ts';

it('gives rows or an InputError, in bounded time, whatever bytes are changed', { timeout: 1_200_000 }, async () => {
  const names = ['snappy', 'plain-v2', 'delta'];
  const files = names.map((name) => readFileSync(packagePath(`fixtures/parquet/${name}.parquet`)));
  const path = join(temporaryFolder(), 'a.parquet');
  const change = fc.tuple(fc.nat(), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...files),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      async (file, changes) => {
        const bytes = Uint8Array.from(file);
        for (const [at, value] of changes) bytes[at % bytes.byteLength] = value;
        writeFileSync(path, bytes);
        const answer: unknown = await readParquet(path, { timeoutMs: 5000 }).catch((error: unknown) => error);
        expect(answer instanceof InputError || Array.isArray(answer)).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});
