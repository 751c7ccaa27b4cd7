import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { CiderError } from '../../quant/errors.ts';
import type { StageVisit, StageVisitor } from '../../quant/methods/calibration.ts';
import { runCalibration, type CalibrationTrial } from '../../testing/calibration-run.ts';
import { faults, faultyFileSystem, isOvercome } from '../../testing/faulty-file-system.ts';
import { randomModel, smallConfig } from '../../testing/random-model.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

const LAYERS = 3;
const small = { num_hidden_layers: LAYERS, hidden_size: 8, intermediate_size: 12, head_dim: 4 };
const model = randomModel(smallConfig(small), 11);
const windows = [Int32Array.of(3, 14, 15), Int32Array.of(9, 2)];

/** Every stage is replaced by weights that depend on what was gathered: an error anywhere reaches all later stages. */
const visit: StageVisitor = ({ weights, statistics: { absmax } }) =>
  Promise.resolve(
    weights.map(({ outFeatures, inFeatures, values, bias }) => {
      const data = values.map((value, i) => value * (1 + 0.1 * Math.sin(absmax[i % inFeatures])));
      return { kind: 'dense', dtype: 'F32', outFeatures, inFeatures, data, bias };
    }),
  );

const trialIn = (folder: string): CalibrationTrial => ({ model, windows, folder, visit, needs: { cross: true } });

let whole: Promise<StageVisit[]> | undefined;

/** What a run that nothing disturbs visits. */
const undisturbed = (): Promise<StageVisit[]> =>
  (whole ??= runCalibration(trialIn(temporaryFolder())).then(({ visits }) => visits));

/** The statistics of a run that goes on from `layer`, which must be those of the undisturbed one to the bit. */
async function expectGoesOn(trial: CalibrationTrial, layer: number | undefined): Promise<void> {
  const { visits, resumed } = await runCalibration(trial);
  expect(resumed).toBe(layer);
  expect(visits).toEqual((await undisturbed()).filter((each) => each.layer >= (layer ?? 0)));
}

/** A run that ends in the middle of a layer, as if the process had been killed. */
async function killed(trial: CalibrationTrial, layer: number): Promise<void> {
  const failing: StageVisitor = async (each) => {
    if (each.layer === layer && each.stage === 'mlpInput') throw new Error('killed');
    return trial.visit?.(each);
  };
  await expect(runCalibration({ ...trial, visit: failing })).rejects.toThrow('killed');
}

const stateIn = (folder: string): string => join(folder, 'trial-state.json');
const hiddenIn = (folder: string, layer: number): string => join(folder, `trial-calibrated-${layer}.hidden`);

describe('a calibration that was cut short', () => {
  it.each([0, 1, 2])('goes on after the last finished layer, from layer %i', async (layer) => {
    const trial = trialIn(temporaryFolder());
    await killed(trial, layer);
    await expectGoesOn(trial, layer === 0 ? undefined : layer);
  });

  it('goes on any number of times, with what was made of finished layers made durable first', async () => {
    const folder = temporaryFolder();
    const durable: number[] = [];
    const onCheckpoint = (nextLayer: number): void => {
      durable.push(nextLayer);
      const state = readdirSync(folder).includes('trial-state.json') ? readFileSync(stateIn(folder), 'utf8') : '';
      expect(state).not.toContain(`"nextLayer":${nextLayer}`);
    };
    const trial = { ...trialIn(folder), onCheckpoint };
    for (const layer of [1, 1, 2]) await killed(trial, layer);
    await expectGoesOn(trial, 2);
    expect(durable).toEqual([1, 2, 3]);
  });

  it('goes on after a signal at any moment', async () => {
    const total = 2 * (1 + LAYERS * 5);
    for (let at = 1; at < total; at++) {
      const controller = new AbortController();
      // Kept is only what the signal leaves time for.
      const trial = { ...trialIn(temporaryFolder()), intervalMs: Infinity };
      const onProgress = (done: number): void => {
        if (done === at) controller.abort(new Error('interrupted'));
      };
      await expect(runCalibration({ ...trial, signal: controller.signal, onProgress })).rejects.toThrow('interrupted');
      const finished = Math.max(0, Math.floor((at - 2) / (2 * 5)));
      await expectGoesOn(trial, finished === 0 ? undefined : finished);
    }
  });

  it('loses no more than the interval', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const trial = { ...trialIn(temporaryFolder()), intervalMs: 30_000 };
      const onProgress = (done: number): void => {
        // Each layer has ten windows to go.
        if (done > 2) vi.advanceTimersByTime(1499);
      };
      await killed({ ...trial, onProgress }, 2);
      await expectGoesOn(trial, undefined);
      const other = { ...trialIn(temporaryFolder()), intervalMs: 30_000 };
      await killed({ ...other, onProgress: () => vi.advanceTimersByTime(3001) }, 2);
      await expectGoesOn(other, 2);
    } finally {
      vi.useRealTimers();
    }
  });

  it('starts anew if hidden states are not what they were', async () => {
    const damages: ((folder: string) => void)[] = [
      (folder) => {
        rmSync(hiddenIn(folder, 2));
      },
      (folder) => {
        truncateSync(hiddenIn(folder, 2), 7);
      },
      (folder) => {
        const bytes = readFileSync(hiddenIn(folder, 2));
        bytes[bytes.length - 1] ^= 1;
        writeFileSync(hiddenIn(folder, 2), bytes);
      },
      (folder) => {
        writeFileSync(stateIn(folder), '{"fingerprint":{}');
      },
      (folder) => {
        writeFileSync(stateIn(folder), '{"fingerprint":{},"nextLayer":-1,"sha256":{}}');
      },
      (folder) => {
        writeFileSync(stateIn(folder), 'null');
      },
    ];
    for (const damage of damages) {
      const folder = temporaryFolder();
      await killed(trialIn(folder), 2);
      damage(folder);
      await expectGoesOn(trialIn(folder), undefined);
    }
  });

  it('is not gone on with by another run', async () => {
    const trial = trialIn(temporaryFolder());
    await killed({ ...trial, fingerprint: { alpha: '0.5' } }, 2);
    await expect(runCalibration({ ...trial, fingerprint: { alpha: '0.8' } })).rejects.toMatchObject({
      code: 'E_RESUME_MISMATCH',
      details: { differences: ['alpha: 0.5 → 0.8'] },
    });
  });

  it('holds at most three files of hidden states a track, and in the end none', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'trial.safetensors'), 'of someone else');
    writeFileSync(join(folder, 'trial-calibrated-9.hidden'), 'of an earlier run');
    let most = 0;
    const onProgress = (): void => {
      most = Math.max(most, readdirSync(folder).filter((name) => /^trial-float-\d+\.hidden$/.test(name)).length);
    };
    let now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 1));
    try {
      await runCalibration({ ...trialIn(folder), onProgress, intervalMs: 200 });
    } finally {
      vi.restoreAllMocks();
    }
    expect(most).toBeLessThanOrEqual(3);
    expect(readdirSync(folder)).toEqual(['trial-state.json', 'trial.safetensors']);
    const { visits, resumed } = await runCalibration(trialIn(folder));
    expect([visits.length, resumed]).toEqual([0, LAYERS]);
  });
});

describe('a disk that fails', () => {
  const tiny = randomModel(smallConfig({ ...small, num_hidden_layers: 2 }), 11);

  it.each(faults)('leaves what can be gone on with (%s)', async (fault) => {
    const trial = { model: tiny, windows: [Int32Array.of(3, 1)], replaces: false };
    const expected = (await runCalibration({ ...trial, folder: temporaryFolder() })).visits;
    const earlier = temporaryFolder();
    await killed({ ...trial, folder: earlier }, 1);
    for (let at = 0; ; at++) {
      const fileSystem = faultyFileSystem(fault, at);
      const folder = temporaryFolder();
      // What an earlier run left, so that taking over can fail too.
      cpSync(earlier, folder, { recursive: true });
      const failed = await runCalibration({ ...trial, folder, fileSystem }).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(fileSystem.openFiles).toBe(0);
      if (failed !== undefined) expect(failed).toBeInstanceOf(CiderError);
      if (isOvercome(fault)) expect(failed).toBeUndefined();
      const { visits, resumed = 0 } = await runCalibration({ ...trial, folder });
      expect(visits).toEqual(expected.filter(({ layer }) => layer >= resumed));
      if (!fileSystem.fired) break;
    }
  });
});
