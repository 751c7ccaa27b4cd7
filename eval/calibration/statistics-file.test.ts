import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeSafetensors, type TensorData } from '../../quant/checkpoint/safetensors-writer.ts';
import type { Stage, StageStatistics } from '../../quant/methods/calibration.ts';
import { codeOf, faults, faultyFileSystem } from '../../testing/faulty-file-system.ts';
import { smallConfig } from '../../testing/random-model.ts';
import {
  config,
  facts,
  newStatisticsPath,
  places,
  statisticsOf,
  writerOptions,
  writeStatistics,
} from '../../testing/statistics-sample.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { refuseOtherModel, StatisticsFile } from './saved-statistics.ts';
import { encodeFacts, statisticsTensors } from './statistics-layout.ts';
import { StatisticsWriter } from './statistics-writer.ts';

describe('a file of statistics', () => {
  it.each([true, false])('holds what was added (Hessians: %s)', (hessians) => {
    const path = newStatisticsPath();
    writeStatistics(path, { hessians });
    const file = new StatisticsFile(path, config);
    expect(file.facts).toEqual(facts);
    expect(file.hasHessians).toBe(hessians);
    for (const [layer, stage] of places) {
      const { hessian, ...others } = statisticsOf(1, layer, stage);
      expect(file.read(layer, stage)).toEqual(hessians ? { ...others, hessian } : others);
    }
    file.close();
  });

  it('is not there before all of it is', () => {
    const path = newStatisticsPath();
    const writer = StatisticsWriter.open(writerOptions(path));
    for (const [layer, stage] of places.slice(1)) writer.add(layer, stage, statisticsOf(1, layer, stage));
    expect(() => {
      writer.finish();
    }).toThrow(/^layers.0.attentionInput.absmax, layers.0.attentionInput.hessian were not added$/);
    expect(existsSync(path)).toBe(false);
    writer.discard();
    expect(existsSync(`${path}.cider-partial`)).toBe(false);
  });

  it('takes no statistics of another shape', () => {
    const writer = StatisticsWriter.open(writerOptions(newStatisticsPath()));
    const { absmax, tokens } = statisticsOf(1, 0, 'mlpInput');
    const add = (stage: Stage, statistics: StageStatistics) => () => {
      writer.add(0, stage, statistics);
    };
    expect(add('mlpOutput', { absmax, tokens })).toThrow('layers.0.mlpOutput.absmax has 5 elements, not 6');
    expect(add('mlpInput', { absmax, tokens })).toThrow('there is no Hessian');
    writer.close();
  });

  it('is gone on with by a run with the same facts only', () => {
    const path = newStatisticsPath();
    const first = StatisticsWriter.open(writerOptions(path));
    for (const [layer, stage] of places.slice(0, 5)) first.add(layer, stage, statisticsOf(1, layer, stage));
    first.sync();
    first.close();
    const second = StatisticsWriter.open(writerOptions(path));
    second.continueFrom(1);
    for (const [layer, stage] of places.slice(4)) second.add(layer, stage, statisticsOf(1, layer, stage));
    second.finish();
    const whole = newStatisticsPath();
    writeStatistics(whole);
    expect(readFileSync(path)).toEqual(readFileSync(whole));

    StatisticsWriter.open(writerOptions(path, { overwrite: true })).close();
    const other = StatisticsWriter.open(writerOptions(path, { overwrite: true, facts: { ...facts, data: 'another' } }));
    other.continueFrom(0);
    expect(() => {
      other.continueFrom(1);
    }).toThrow(expect.objectContaining({ code: 'E_STATISTICS_LOST' }));
    other.discard();
  });

  it('replaces only a file of its kind, and only if it is told to', () => {
    const path = newStatisticsPath();
    writeStatistics(path);
    const open = (overwrite: boolean) => () => StatisticsWriter.open(writerOptions(path, { overwrite }));
    expect(open(false)).toThrow(expect.objectContaining({ code: 'E_OUTPUT_EXISTS' }));
    writeStatistics(path, { overwrite: true }, 2);
    const file = new StatisticsFile(path, config);
    expect(file.read(0, 'mlpInput')).toEqual(statisticsOf(2, 0, 'mlpInput'));
    file.close();
    for (const content of ['', 'a text', '{}']) {
      writeFileSync(path, content);
      expect(open(true)).toThrow(/cider did not write this file/);
    }
    writeSafetensors(path, []);
    expect(open(true)).toThrow(/cider did not write this file/);
    const nowhere = writerOptions(join(temporaryFolder(), 'no', 'stats.safetensors'));
    expect(() => StatisticsWriter.open(nowhere)).toThrow(expect.objectContaining({ code: 'E_NO_PARENT_FOLDER' }));
  });

  it.each(faults)('is whole or not there when the disk fails (%s)', (fault) => {
    const whole = newStatisticsPath();
    writeStatistics(whole);
    for (let at = 0; ; at++) {
      const path = newStatisticsPath();
      const fileSystem = faultyFileSystem(fault, at);
      let writer: StatisticsWriter | undefined;
      try {
        writer = StatisticsWriter.open(writerOptions(path, { fileSystem }));
        for (const [layer, stage] of places) writer.add(layer, stage, statisticsOf(1, layer, stage));
        writer.finish();
      } catch (error) {
        expect(error).toMatchObject({ code: codeOf(fault) });
        writer?.close();
      }
      if (existsSync(path)) expect(readFileSync(path)).toEqual(readFileSync(whole));
      else writeStatistics(path);
      expect(fileSystem.openFiles).toBe(0);
      if (!fileSystem.fired) break;
    }
  });
});

describe('a bad file of statistics', () => {
  type Edit = (tensors: Map<string, TensorData>, metadata: Map<string, string>) => void;

  const bytes = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer);

  /** Changes a value, and that which mirrors it. */
  const poke =
    (name: string, value: number, ...at: number[]): Edit =>
    (tensors) => {
      const data = tensors.get(name)?.data ?? new Uint8Array();
      for (const i of at) new DataView(data.buffer, data.byteOffset).setFloat32(4 * i, value, true);
    };

  const set =
    (name: string, value: string): Edit =>
    (_, metadata) => {
      metadata.set(name, value);
    };

  const drop =
    (name: string): Edit =>
    (tensors, metadata) => {
      tensors.delete(name);
      metadata.delete(name);
    };

  const absmax = 'layers.1.mlpOutput.absmax';
  const hessian = 'layers.1.mlpOutput.hessian';

  function readEdited(edit: Edit): void {
    const path = newStatisticsPath();
    const metadata = encodeFacts(facts);
    const tensors = statisticsTensors(config, true).map(({ name, shape }): [string, TensorData] => {
      const elements = shape.reduce((product, length) => product * length, 1);
      return [name, { name, dtype: 'F32', shape, data: bytes(new Float32Array(elements).fill(1)) }];
    });
    const byName = new Map(tensors);
    edit(byName, metadata);
    writeSafetensors(path, byName.values(), { metadata });
    const file = new StatisticsFile(path, config);
    try {
      for (const [layer, stage] of places) file.read(layer, stage);
    } finally {
      file.close();
    }
  }

  const replace =
    (tensor: Pick<TensorData, 'name' | 'dtype' | 'shape'>, length: number): Edit =>
    (tensors) => {
      tensors.set(tensor.name, { ...tensor, data: new Uint8Array(length) });
    };

  it('is none without an edit', () => {
    readEdited(() => undefined);
  });

  it.each<[string, string, RegExp, Edit]>([
    ['no schema', 'SCHEMA', /not a file of statistics \(schema missing\)/, drop('schema')],
    ['another schema', 'SCHEMA', /schema "cider.statistics\/2"/, set('schema', 'cider.statistics/2')],
    ['no model', 'METADATA', /: model in its metadata is missing$/, drop('model')],
    ['no tokens', 'METADATA', /: tokens in its metadata is missing$/, drop('tokens')],
    ['other tokens', 'METADATA', /: tokens in its metadata is "22"$/, set('tokens', '22')],
    ['no samples', 'METADATA', /samples in its metadata is "0"/, set('samples', '0')],
    ['samples that are no number', 'METADATA', /samples in its metadata is "3e0"/, set('samples', '3e0')],
    ['endless samples', 'METADATA', /samples in its metadata is "Infinity"/, set('samples', 'Infinity')],
    ['half a token', 'METADATA', /seq_len in its metadata is "1.5"/, set('seq_len', '1.5')],
    ['a missing tensor', 'TENSOR', /lacks "layers.1.mlpOutput.absmax"$/, drop(absmax)],
    ['some Hessians', 'TENSOR', /lacks "layers.1.mlpOutput.hessian"$/, drop(hessian)],
    ['Hessians but the first', 'TENSOR', /has besides /, drop('layers.0.attentionInput.hessian')],
    ['a layer more', 'TENSOR', /has besides "layers.2/, replace({ name: 'layers.2.x', dtype: 'U8', shape: [1] }, 1)],
    [
      'a shape too long',
      'TENSOR',
      /is F32 \[6\], expected F32 \[5\]/,
      replace({ name: absmax, dtype: 'F32', shape: [6] }, 24),
    ],
    [
      'a shape of no rank',
      'TENSOR',
      /is F32 \[\], expected F32 \[5\]/,
      replace({ name: absmax, dtype: 'F32', shape: [] }, 4),
    ],
    ['a flat Hessian', 'TENSOR', /is F32 \[25\]/, replace({ name: hessian, dtype: 'F32', shape: [25] }, 100)],
    ['another dtype', 'TENSOR', /is F16 \[5\]/, replace({ name: absmax, dtype: 'F16', shape: [5] }, 10)],
    ['a negative maximum', 'VALUE', /holds -1 at \[2\], which no text can give/, poke(absmax, -1, 2)],
    ['a maximum that is NaN', 'VALUE', /holds NaN at \[2\]/, poke(absmax, NaN, 2)],
    ['an endless maximum', 'VALUE', /holds Infinity at \[2\]/, poke(absmax, Infinity, 2)],
    ['a negative diagonal', 'VALUE', /holds -1 at \[1, 1\]/, poke(hessian, -1, 6)],
    ['a NaN on the diagonal', 'VALUE', /holds NaN at \[1, 1\]/, poke(hessian, NaN, 6)],
    ['an infinity', 'VALUE', /holds Infinity at \[1, 0\]/, poke(hessian, Infinity, 1, 5)],
    ['a Hessian that is not symmetric', 'VALUE', /holds 2 at \[1, 0\]/, poke(hessian, 2, 5)],
  ])('with %s is refused', (_, code, message, edit) => {
    expect(() => {
      readEdited(edit);
    }).toThrow(
      expect.objectContaining({ code: `E_STATISTICS_${code}`, message: expect.stringMatching(message) as unknown }),
    );
  });

  it('is one of another model', () => {
    const path = newStatisticsPath();
    writeStatistics(path);
    const other = smallConfig({ hidden_size: 8, intermediate_size: 5, head_dim: 2 });
    expect(() => new StatisticsFile(path, other)).toThrow(/is F32 \[6\], expected F32 \[8\]$/);
    const file = new StatisticsFile(path, config);
    refuseOtherModel(file, 'a1');
    expect(() => {
      refuseOtherModel(file, 'a2');
    }).toThrow(expect.objectContaining({ code: 'E_STATISTICS_MODEL' }));
    file.close();
  });
});
