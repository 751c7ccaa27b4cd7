import { describe, expect, it } from 'vitest';
import { klLimit } from './limits.ts';
import { neighbourNames, notAsked, type CheckedScheme } from './neighbour.ts';

const scheme = (members: Partial<CheckedScheme>): CheckedScheme => ({
  format: 'compressed-tensors',
  bits: 4,
  groupSize: 0,
  quantizesActivations: false,
  ...members,
});

const asked = (members: Partial<CheckedScheme>): string[] =>
  neighbourNames.filter((name) => notAsked(name, scheme(members)) === undefined);

describe('notAsked', () => {
  it.each<[string, Partial<CheckedScheme>, string[]]>([
    ['floats', { format: 'float' }, ['transformers', 'mlx', 'vllm']],
    ['weights of compressed-tensors', { groupSize: 64 }, ['transformers', 'vllm']],
    ['W8A8 per channel', { bits: 8, quantizesActivations: true }, ['transformers', 'vllm']],
    ['W8A8 in groups', { bits: 8, quantizesActivations: true, groupSize: 64 }, ['transformers']],
    ['W4A8 in groups', { quantizesActivations: true, groupSize: 64 }, ['transformers', 'vllm']],
    ['MLX', { format: 'mlx', groupSize: 64 }, ['mlx']],
    ['GGUF', { format: 'gguf', groupSize: 32 }, []],
  ])('leaves out who does not read %s', (_, members, expected) => {
    expect(asked(members)).toEqual(expected);
  });
});

describe('klLimit', () => {
  it('is close where the arithmetic is the same', () => {
    expect(klLimit('transformers', scheme({}))).toBeLessThan(
      klLimit('transformers', scheme({ quantizesActivations: true })),
    );
    expect(klLimit('mlx', scheme({ format: 'float' }))).toBeLessThan(klLimit('mlx', scheme({ format: 'mlx' })));
    for (const name of neighbourNames) expect(klLimit(name, scheme({ quantizesActivations: true }))).toBeLessThan(1);
  });
});
