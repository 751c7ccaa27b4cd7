import { describe, expect, it } from 'vitest';
import { UsageError } from '../../quant/errors.ts';
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
  it('has the name of the scheme', () => {
    const stored = { mode: 'w8a8', groupSize: 0, perChannel: [], ignore: [] } as const;
    expect(storedConfiguration(stored)).toEqual({ name: 'w8a8', kind: 'stored' });
    expect(storedConfiguration({ ...stored, groupSize: 64 })).toEqual({ name: 'w8a8-g64', kind: 'stored' });
  });
});

describe('decodedAs', () => {
  const stored = { mode: 'w8a8', groupSize: 64, perChannel: [], ignore: [] } as const;

  it('marks integer weights with float activations by name', () => {
    const w4a8 = parseConfiguration('w4a8-g64');
    expect(decodedAs(w4a8, 'w8a16')).toEqual({ ...w4a8, name: 'w4a8-g64-decode', floatActivations: true });
    expect(decodedAs(storedConfiguration(stored), 'w8a16', stored)).toEqual({
      name: 'w8a8-g64-decode',
      kind: 'stored',
      floatActivations: true,
    });
  });

  it('changes nothing where decoding has the arithmetic of prompts', () => {
    const w8a8 = parseConfiguration('w8a8');
    expect(decodedAs(w8a8, 'w8a8')).toBe(w8a8);
    for (const name of ['fp16', 'w8a16', 'w4a16']) {
      const configuration = parseConfiguration(name);
      expect(decodedAs(configuration, 'w8a16')).toBe(configuration);
    }
    const weightOnly = { ...stored, mode: 'w8a16' } as const;
    const configuration = storedConfiguration(weightOnly);
    expect(decodedAs(configuration, 'w8a16', weightOnly)).toBe(configuration);
  });
});
