import { describe, expect, it } from 'vitest';
import { foreignWeightsError, refuseForeignFormat } from './foreign-format.ts';

describe('refuseForeignFormat', () => {
  it('lets header lengths pass that look like something else', () => {
    // 640 starts like a pickle, 67,324,752 like a zip archive, 8827 like JSON.
    for (const length of [640n, 67_324_752n, 8827n]) {
      const prefix = Buffer.alloc(8);
      prefix.writeBigUInt64LE(length);
      expect(() => {
        refuseForeignFormat(prefix, 'x');
      }).not.toThrow();
    }
  });

  it.each([
    ['GGUF\x03\0\0\0', 'E_GGUF'],
    ['GGUF', 'E_GGUF'],
    ['\x80\x02}q\x01X\x05\0', 'E_PICKLE'],
    ['{"weight', 'E_NOT_SAFETENSORS'],
    ['<html>\r\n', 'E_NOT_SAFETENSORS'],
  ])('recognises %j', (start, code) => {
    expect(() => {
      refuseForeignFormat(Buffer.from(start, 'latin1'), 'x');
    }).toThrow(expect.objectContaining({ code }));
  });
});

describe('foreignWeightsError', () => {
  it('explains pickles first, and nothing where there are no weights', () => {
    expect(foreignWeightsError('m', ['a.gguf', 'consolidated.00.pth'])?.hint).toContain('safetensors');
    expect(foreignWeightsError('m', ['a.gguf'])?.code).toBe('E_GGUF');
    expect(foreignWeightsError('m', ['config.json', 'README.md'])).toBeUndefined();
  });
});
