import { describe, expect, it } from 'vitest';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { runCalibration } from '../../testing/calibration-run.ts';
import { randomModel } from '../../testing/random-model.ts';
import { config, facts, newStatisticsPath, writerOptions, writeStatistics } from '../../testing/statistics-sample.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { savedCalibrator } from './saved-calibrator.ts';
import { StatisticsFile } from './saved-statistics.ts';
import { StatisticsWriter } from './statistics-writer.ts';

describe('savedCalibrator', () => {
  const model = randomModel(config, 3);
  const windows = [Int32Array.of(1, 2, 3)];
  const signal = new AbortController().signal;
  const needs = { hessian: true, cross: false, inputRows: 0 };

  it('shows what was gathered, with the weights of the model', async () => {
    const path = newStatisticsPath();
    const shape = { samples: 1, seqLen: 3 };
    const writer = StatisticsWriter.open(writerOptions(path, { facts: { ...facts, ...shape } }));
    const { visits } = await runCalibration({ model, windows, folder: temporaryFolder(), replaces: false });
    for (const { layer, stage, statistics } of visits) writer.add(layer, stage, statistics);
    writer.finish();
    const saved = new StatisticsFile(path, config);
    const seen: unknown[] = [];
    const progress: number[] = [];
    const onProgress = (done: number): void => {
      progress.push(done);
    };
    const calibrator = savedCalibrator({ saved, backend: openReferenceBackend(), signal, onProgress });
    expect(calibrator.facts).toMatchObject({ data: 'some text', ...shape });
    const run = { model, needs, replaces: true, fingerprint: {}, name: 'run', folder: temporaryFolder() };
    await calibrator.run({
      ...run,
      visit: (visit) => {
        seen.push(visit);
        return Promise.resolve(undefined);
      },
      onCheckpoint: () => undefined,
      onResume: () => undefined,
    });
    const rounded = visits.map(({ statistics: { hessian, ...statistics }, ...visit }) => ({
      ...visit,
      statistics: { ...statistics, hessian: hessian && Float64Array.from(Float32Array.from(hessian)) },
    }));
    expect(seen).toEqual(rounded);
    expect(progress).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    saved.close();
  });

  it('refuses what it cannot know', async () => {
    const path = newStatisticsPath();
    writeStatistics(path, { hessians: false });
    const saved = new StatisticsFile(path, config);
    const calibrator = savedCalibrator({ saved, backend: openReferenceBackend(), signal, onProgress: () => undefined });
    const run = calibrator.run({
      model,
      needs: { hessian: true, cross: true, inputRows: 4 },
      replaces: true,
      fingerprint: {},
      name: 'run',
      folder: temporaryFolder(),
      visit: () => Promise.resolve(undefined),
      onCheckpoint: () => undefined,
      onResume: () => undefined,
    });
    await expect(run).rejects.toMatchObject({
      code: 'E_STATISTICS_LACK',
      details: { lacking: ['Hessians', 'errors of earlier layers', 'activations'] },
    });
    saved.close();
  });
});
