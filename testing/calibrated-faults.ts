import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Treatment } from '../quant/methods/treatment.ts';
import { convertWithCalibration, type CalibratedConversion } from './calibrated-conversion.ts';
import { codeOf, faults, faultyFileSystem, isOvercome } from './faulty-file-system.ts';
import { fillingDisk } from './filling-disk.ts';
import { powerLoss } from './power-loss.ts';
import { reportFigure } from './report-figure.ts';
import { Scene } from './survival.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { tinyConfig, writeTinyCheckpoint } from './tiny-checkpoint.ts';

/** Of which one conversion takes a few hundredths of a second. */
const smallest = { ...tinyConfig, hidden_size: 32, intermediate_size: 32, num_attention_heads: 1 };

const best: Treatment = {
  rotation: { seed: 3 },
  smoothing: { alpha: 0.5 },
  rounding: {
    kind: 'gptq',
    damping: 0.01,
    activationOrder: true,
    compensation: 0.5,
    clipWeights: 'diagonal',
    refine: 0,
  },
};
const smoothing: Treatment = { rotation: undefined, smoothing: { alpha: 0.5 }, rounding: { kind: 'nearest' } };

/** Two kinds of conversion that look at the model. */
const conversions: [string, CalibratedConversion][] = [
  ['the best recipe', { treatment: best, maxShardBytes: 20_000 }],
  ['smoothquant', { treatment: smoothing, mode: 'float', maxShardBytes: 20_000 }],
];

function stage(request: CalibratedConversion): Promise<Scene> {
  const root = join(temporaryFolder(), 'root');
  mkdirSync(join(root, 'in'), { recursive: true });
  writeTinyCheckpoint(join(root, 'in'), smallest);
  return Scene.stage(root, (run) => convertWithCalibration(root, { ...request, ...run }), false);
}

/**
 * Declares tests that disturb conversions that look at the model, and go on with them.
 *
 * @param steps of the operations that a fault can happen to, one in so many is struck, at other places for each fault
 */
export function describeCalibratedFaults(steps: readonly number[]): void {
  for (const [index, [name, request]] of conversions.entries()) {
    describe(name, { timeout: 3_600_000 }, () => {
      declareFaults(name, request, steps[index]);
    });
  }
}

function declareFaults(name: string, request: CalibratedConversion, step: number): void {
  it('is whole or not there after any fault at any file operation, and gone on with to the same bytes', async () => {
    const scene = await stage(request);
    let injected = 0;
    for (const [start, fault] of faults.entries()) {
      for (let at = start % step, fired = true; fired; at += step) {
        const fileSystem = faultyFileSystem(fault, at);
        const error = await scene.survive(fileSystem, `${fault}, operation ${at}`);
        fired = fileSystem.fired;
        injected += Number(fired);
        expect(fileSystem.openFiles, `${fault}, operation ${at}`).toBe(0);
        if (isOvercome(fault)) expect(error).toBeUndefined();
        else if (error !== undefined) expect(error).toMatchObject({ details: { errno: codeOf(fault).slice(2) } });
      }
    }
    reportFigure(`faults injected, ${name}: ${injected}`);
  });

  it('waits for --resume when the disk is full after any number of bytes', async () => {
    const scene = await stage(request);
    let disks = 0;
    for (let bytes = 0, isFull = true; isFull; bytes += 9973) {
      const fileSystem = fillingDisk(bytes);
      const error = await scene.survive(fileSystem, `${bytes} bytes`);
      ({ isFull } = fileSystem);
      disks += Number(isFull);
      if (isFull) expect(error).toMatchObject({ code: 'E_ENOSPC' });
    }
    reportFigure(`disks filled, ${name}: ${disks}`);
  });

  it('outlives a power loss at any file operation', async () => {
    const scene = await stage(request);
    let losses = 0;
    for (let at = 0, isLost = true; isLost; at += step) {
      const power = powerLoss(scene.root, at, at);
      await scene.survive(power.fileSystem, `operation ${at}`, power.restart);
      ({ isLost } = power);
      losses += Number(isLost);
    }
    reportFigure(`power losses, ${name}: ${losses}`);
  });
}
