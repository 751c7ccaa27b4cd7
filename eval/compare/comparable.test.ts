import { describe, expect, it } from 'vitest';
import { InputError } from '../../quant/errors.ts';
import { requireComparable, type ComparableModel } from './comparable.ts';

const model = (name: string, change: Partial<ComparableModel['config']> = {}) => ({
  name,
  config: { vocabSize: 40, layers: 2, hiddenSize: 64, ...change },
});

describe('requireComparable', () => {
  it('takes models that have as many tokens and layers, of the same width', () => {
    expect(() => {
      requireComparable([model('a'), model('b'), model('c')]);
    }).not.toThrow();
  });

  it.each([
    [model('b', { vocabSize: 41 }), 'b has another vocab_size than a: 41 instead of 40'],
    [model('b', { layers: 3 }), 'b has another num_hidden_layers than a: 3 instead of 2'],
    [model('b', { hiddenSize: 32 }), 'b has another hidden_size than a: 32 instead of 64'],
  ])('refuses others', (other, message) => {
    const checking = (): void => {
      requireComparable([model('a'), model('same'), other]);
    };
    expect(checking).toThrow(message);
    expect(checking).toThrow(InputError);
  });
});
