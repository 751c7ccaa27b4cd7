import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ResourceError } from '../quant/errors.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { checkSpace } from './free-space.ts';

it('makes the folder of the cache, and refuses what it has no room for', () => {
  const cache = join(temporaryFolder(), 'a', 'b');
  checkSpace(cache, 1, 'org/tiny');
  expect(existsSync(cache)).toBe(true);
  const refuse = (): void => {
    checkSpace(cache, 1e18, 'org/tiny');
  };
  expect(refuse).toThrow(ResourceError);
  expect(refuse).toThrow(/a\/b: org\/tiny needs \d+ bytes, but \d+ are free$/);
});
