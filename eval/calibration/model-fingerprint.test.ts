import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openModel } from '../../quant/checkpoint/open-model.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { writeTinyCheckpoint } from '../../testing/tiny-checkpoint.ts';
import { modelFingerprint } from './model-fingerprint.ts';

describe('modelFingerprint', () => {
  const fingerprintOf = (edit?: (name: string, values: Uint16Array) => void, members: object = {}): string => {
    const folder = temporaryFolder();
    writeTinyCheckpoint(folder, undefined, edit);
    const path = join(folder, 'config.json');
    const json = JSON.parse(readFileSync(path, 'utf8')) as object;
    writeFileSync(path, JSON.stringify({ ...json, ...members }));
    const model = openModel(folder);
    try {
      return modelFingerprint(model);
    } finally {
      model.close();
    }
  };

  it('is that of the model, wherever it is and however its config is written', () => {
    expect(fingerprintOf(undefined, { transformers_version: '4.0' })).toBe(fingerprintOf());
  });

  it('differs for other weights and another arithmetic', () => {
    const scaled = (_: string, values: Uint16Array): void => {
      values.forEach((value, i) => (values[i] = value ^ 1));
    };
    const all = [fingerprintOf(), fingerprintOf(scaled), fingerprintOf(undefined, { rope_theta: 5000 })];
    expect(new Set(all).size).toBe(3);
  });
});
