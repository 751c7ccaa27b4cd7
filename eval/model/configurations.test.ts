import { describe, expect, it } from 'vitest';
import { UsageError } from '../../quant/errors.ts';
import type { StoredCodes, StoredModel, StoredTensor } from '../../quant/checkpoint/stored-model.ts';
import { configurations, decodedAs, parseConfiguration, storedConfiguration } from './configurations.ts';

describe('parseConfiguration', () => {
  it('knows the stable names', () => {
    expect(configurations.map(({ name }) => name)).toEqual([
      'fp16',
      'w8a16',
      'w8a8',
      'w8a8-g32',
      'w8a8-g64',
      'w8a8-g128',
      'w8a8-g256',
      'w4a16',
      'w4a8',
      'w4a8-g32',
      'w4a8-g64',
      'w4a8-g128',
      'w4a8-g256',
    ]);
  });

  it.each([
    ['fp16', { kind: 'stored' }],
    ['w4a16', { kind: 'affine', bits: 4, groupSize: 64 }],
    ['w8a8', { kind: 'integer', scheme: { bits: 8, groupSize: 0, clip: { kind: 'minmax' } } }],
    ['w4a8-g128', { kind: 'integer', scheme: { bits: 4, groupSize: 128, clip: { kind: 'minmax' } } }],
  ])('understands %s', (name, expected) => {
    expect(parseConfiguration(name)).toEqual({ name, ...expected });
  });

  it.each(['', 'w8a8-g0', 'w8a8-g48', 'W8A8', 'toString'])('refuses %o and says what it knows', (name) => {
    expect(() => parseConfiguration(name)).toThrow(
      expect.objectContaining({
        code: 'E_CONFIGURATION',
        message: `unknown configuration "${name}"`,
        hint: expect.stringContaining('fp16, w8a16, w8a8, w8a8-g32') as string,
      }),
    );
    expect(() => parseConfiguration(name)).toThrow(UsageError);
  });
});

describe('storedConfiguration', () => {
  it('has the name that the model has for its scheme', () => {
    expect(storedConfiguration({ rowName: 'mlx-q4-g64' })).toEqual({ name: 'mlx-q4-g64', kind: 'stored' });
    expect(storedConfiguration({ rowName: undefined })).toBeUndefined();
  });
});

describe('decodedAs', () => {
  const float = { tensors: new Map<string, StoredTensor>() };
  const stored = { name: 'w8a8-g64', kind: 'stored' } as const;

  /** A model with one weight of such codes. */
  const quantized = (quantizesActivations: boolean): Pick<StoredModel, 'tensors'> => {
    const codes: StoredCodes = {
      kind: 'symmetric',
      bits: 8,
      groupSize: 64,
      quantizesActivations,
      exact: true,
      read: () => expect.fail('no codes are needed'),
    };
    const readFloats = (): never => expect.fail('no values are needed');
    const tensor = {
      name: 'q',
      shape: [1, 64],
      stored: 'int8',
      file: 'x',
      bytes: 64,
      dtype: 'F32',
      codes,
      readFloats,
    } as const;
    return { tensors: new Map([['q', tensor]]) };
  };

  it('marks integer weights with float activations by name', () => {
    const w4a8 = parseConfiguration('w4a8-g64');
    expect(decodedAs(w4a8, 'w8a16', float)).toEqual({ ...w4a8, name: 'w4a8-g64-decode', floatActivations: true });
    expect(decodedAs(stored, 'w8a16', quantized(true))).toEqual({
      name: 'w8a8-g64-decode',
      kind: 'stored',
      floatActivations: true,
    });
  });

  it('changes nothing where decoding has the arithmetic of prompts', () => {
    const w8a8 = parseConfiguration('w8a8');
    expect(decodedAs(w8a8, 'w8a8', float)).toBe(w8a8);
    for (const name of ['fp16', 'w8a16', 'w4a16']) {
      const configuration = parseConfiguration(name);
      expect(decodedAs(configuration, 'w8a16', float)).toBe(configuration);
    }
    expect(decodedAs(stored, 'w8a16', quantized(false))).toBe(stored);
  });
});
