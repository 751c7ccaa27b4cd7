import { describe, expect, it } from 'vitest';
import { CONFIG_LIMITS } from '../hf-config.ts';
import { isJsonObject, parseJson } from '../strict-json.ts';
import { readMlxQuantization, type MlxQuantization } from './parse-quantization.ts';

function parse(config: unknown): MlxQuantization {
  const document = parseJson(Buffer.from(JSON.stringify(config)), 'config.json', CONFIG_LIMITS);
  if (!isJsonObject(document)) throw new Error('no object');
  return readMlxQuantization(document);
}

const quantization = { group_size: 64, bits: 4, mode: 'affine' };

describe('readMlxQuantization', () => {
  it('reads the scheme of all modules, which may be said twice', () => {
    const main = { mode: 'affine', bits: 4, groupSize: 64 };
    for (const config of [
      { quantization },
      { quantization: { group_size: 64, bits: 4 } },
      { quantization, quantization_config: { mode: 'affine', bits: 4, group_size: 64 } },
      { quantization, quantization_config: null, quantize_activations: false },
    ]) {
      expect(parse(config)).toEqual({ main, named: new Map(), withGlobalScale: new Set() });
    }
  });

  it('gives modules that are named the defaults of their own mode, as mlx-lm does', () => {
    const { main, named, withGlobalScale } = parse({
      quantization: {
        group_size: 32,
        bits: 8,
        mode: 'mxfp8',
        lm_head: false,
        a: { bits: 6 },
        b: { group_size: 32 },
        c: { mode: 'nvfp4', global_scale: true },
        d: true,
        e: { mode: 'mxfp4', group_size: 32, bits: 4, quantize_input: false },
        f: null,
      },
    });
    expect(Object.fromEntries(named)).toEqual({
      lm_head: false,
      a: { mode: 'affine', bits: 6, groupSize: 64 },
      b: { mode: 'affine', bits: 4, groupSize: 32 },
      c: { mode: 'nvfp4', bits: 4, groupSize: 16 },
      d: main,
      e: { mode: 'mxfp4', bits: 4, groupSize: 32 },
    });
    expect([...withGlobalScale]).toEqual(['c']);
  });

  it.each<[string, unknown, string]>([
    ['nothing', {}, 'quantization is missing'],
    ['no bits', { quantization: { group_size: 64 } }, 'quantization.bits is missing'],
    ['no group size', { quantization: { bits: 4 } }, 'quantization.group_size is missing'],
    [
      'bits of another mode',
      { quantization: { ...quantization, bits: 7 } },
      'known with mode affine: 2, 3, 4, 5, 6, 8',
    ],
    ['1 bit', { quantization: { ...quantization, bits: 1 } }, 'known with mode affine'],
    ['an odd group size', { quantization: { ...quantization, group_size: 48 } }, 'known with mode affine: 32, 64, 128'],
    [
      'a group size of another mode',
      { quantization: { group_size: 64, bits: 4, mode: 'mxfp4' } },
      'known with mode mxfp4: 32',
    ],
    ['an unknown mode', { quantization: { ...quantization, mode: 'int4' } }, 'known: affine, mxfp4, mxfp8, nvfp4'],
    ['an unknown member', { quantization: { ...quantization, quant_method: 'x' } }, 'quantization.quant_method is "x"'],
    [
      'an unknown member of a module',
      { quantization: { ...quantization, a: { linear: 1 } } },
      '"linear" is not among the known members',
    ],
    [
      'a twin that differs',
      { quantization, quantization_config: { ...quantization, bits: 8 } },
      'expected the same as quantization',
    ],
    ['quantized activations', { quantization, quantize_activations: true }, 'quantize_activations is true'],
    [
      'quantized inputs of a module',
      { quantization: { ...quantization, a: { quantize_input: true } } },
      'quantization.a.quantize_input is true',
    ],
    ['a list', { quantization: [] }, 'expected an object'],
  ])('refuses %s by name', (_, config, message) => {
    expect(() => parse(config)).toThrow(message);
    expect(() => parse(config)).toThrow(
      expect.objectContaining({ name: 'InputError', code: expect.stringMatching(/^E_CONFIG_/) as string }) as Error,
    );
  });
});
