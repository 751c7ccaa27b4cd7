import { it } from 'vitest';
import { killAll } from '../testing/kill-commands.ts';
import { memoryFolder } from '../testing/memory-folder.ts';

it('leaves outputs whole or absent, and goes on to the same bytes, after SIGKILL at 1,000 random moments', async () => {
  const seed = Number(process.env['CIDER_KILL_SEED'] ?? Date.now() % 1_000_000);
  await killAll(memoryFolder(), 1000, seed);
}, 3_600_000);
