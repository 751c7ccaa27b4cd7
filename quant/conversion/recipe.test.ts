import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { setUpTiny, tinyRequest } from '../../testing/tiny-conversion.ts';
import { openModel } from '../checkpoint/open-model.ts';
import { nodeFileSystem } from '../file-system.ts';
import { noTreatment } from '../methods/treatment.ts';
import { prepareConversion, type ConversionRequest } from './prepare.ts';
import { fingerprintOf } from './recipe.ts';
import type { Fingerprint } from './state.ts';

/** Of the conversion of `root/in`. */
function fingerprint(root: string, change: Partial<ConversionRequest> = {}, version = '1.0.0'): Fingerprint {
  const model = openModel(join(root, 'in'));
  try {
    const conversion = prepareConversion(nodeFileSystem, model, {
      ...tinyRequest,
      onIndivisible: 'channel',
      ...change,
    });
    return fingerprintOf(conversion, version);
  } finally {
    model.close();
  }
}

const calibration = { data: 'a', tokensSha256: 'ab', samples: 1, seqLen: 2, backend: 'reference' };

it('changes with all that decides the bytes of an output', () => {
  const root = setUpTiny();
  const original = fingerprint(root);
  expect(fingerprint(root)).toEqual(original);
  const differing = (changed: Fingerprint): string[] =>
    [...new Set([...Object.keys(original), ...Object.keys(changed)])].filter((key) => original[key] !== changed[key]);

  expect(differing(fingerprint(root, {}, '1.0.1'))).toEqual(['version']);
  const changes: [Partial<ConversionRequest>, string][] = [
    [{ mode: 'w4a8' }, 'mode'],
    [{ groupSize: 32 }, 'groupSize'],
    [{ clip: { kind: 'mse' } }, 'clip'],
    [{ ignore: ['k_proj'] }, 'ignore'],
    [{ onIndivisible: 'error' }, 'onIndivisible'],
    [{ maxShardBytes: 17_000 }, 'maxShardBytes'],
    [{ recipe: 'best' }, 'recipe'],
    [{ calibration }, 'calibration'],
    [{ treatment: { ...noTreatment, smoothing: { alpha: 0.5 } } }, 'smoothing'],
    [{ treatment: { ...noTreatment, rotation: { seed: 1 } } }, 'rotation'],
  ];
  for (const [change, member] of changes) expect(differing(fingerprint(root, change))).toContain(member);

  for (const name of ['model.safetensors', 'tokenizer_config.json']) {
    const other = setUpTiny();
    const [before, later] = [fingerprint(other), Date.now() / 1000 + 10];
    utimesSync(join(other, 'in', name), later, later);
    expect(fingerprint(other)['input']).not.toBe(before['input']);
  }
  writeFileSync(join(root, 'in', 'vocab.txt'), 'more');
  expect(differing(fingerprint(root))).toEqual(['input']);
});
