import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeOf, faultyFileSystem, faults, isOvercome } from '../testing/faulty-file-system.ts';
import { fillingDisk } from '../testing/filling-disk.ts';
import { powerLoss } from '../testing/power-loss.ts';
import { reportFigure } from '../testing/report-figure.ts';
import { Scene } from '../testing/survival.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { writeTinyCheckpoint } from '../testing/tiny-checkpoint.ts';
import { convertTiny } from '../testing/tiny-conversion.ts';

/** A conversion to several weight files. */
function stage(hasFormer: boolean): Promise<Scene> {
  const root = join(temporaryFolder(), 'root');
  mkdirSync(join(root, 'in'), { recursive: true });
  writeTinyCheckpoint(join(root, 'in'));
  return Scene.stage(root, (run) => convertTiny(root, { ...run, maxShardBytes: 50_000 }), hasFormer);
}

describe.each([
  ['a new output', false],
  ['an output that replaces another', true],
])('a conversion to %s', { timeout: 300_000 }, (_, hasFormer) => {
  it.each(faults)('is whole or not there after %s at every file operation, and gone on with', async (fault) => {
    const scene = await stage(hasFormer);
    let at = 0;
    for (let fired = true; fired; at++) {
      const fileSystem = faultyFileSystem(fault, at);
      const error = await scene.survive(fileSystem, `operation ${at}`);
      fired = fileSystem.fired;
      expect(fileSystem.openFiles).toBe(0);
      if (isOvercome(fault)) expect(error).toBeUndefined();
      else if (error !== undefined) expect(error).toMatchObject({ details: { errno: codeOf(fault).slice(2) } });
    }
    reportFigure(`faults injected, convert, ${fault}: ${at - 1}`);
  });

  it('waits for --resume when the disk is full after any number of bytes', async () => {
    const scene = await stage(hasFormer);
    let bytes = 0;
    let disks = 0;
    for (let isFull = true; isFull; bytes += 997, disks++) {
      const fileSystem = fillingDisk(bytes);
      const error = await scene.survive(fileSystem, `${bytes} bytes`);
      isFull = fileSystem.isFull;
      if (isFull) expect(error).toMatchObject({ code: 'E_ENOSPC' });
    }
    reportFigure(`disks filled, convert: ${disks - 1}`);
  });

  it('outlives a power loss at every file operation', async () => {
    const scene = await stage(hasFormer);
    let losses = 0;
    for (let at = 0, isLost = true; isLost; at++) {
      for (let seed = 0; seed < 2; seed++) {
        const power = powerLoss(scene.root, at, 1000 * at + seed);
        await scene.survive(power.fileSystem, `operation ${at}, seed ${seed}`, power.restart);
        ({ isLost } = power);
        losses += Number(isLost);
      }
    }
    reportFigure(`power losses, convert: ${losses}`);
  });
});
