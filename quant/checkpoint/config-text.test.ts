import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withoutMembers } from './config-text.ts';

describe('withoutMembers', () => {
  it('keeps everything else as it was written', () => {
    const text = '{\n  "eps": 1e-05,\n  "quantization": {"a, }\\"": [1, {"b": 2}]},\n  "theta": 10000.0\n}\n';
    expect(withoutMembers(text, ['quantization'])).toBe('{\n  "eps": 1e-05,\n  "theta": 10000.0\n}\n');
    expect(withoutMembers(text, ['theta', 'quantization'])).toBe('{\n  "eps": 1e-05\n}\n');
    expect(withoutMembers(text, ['eps'])).toBe(
      '{\n  "quantization": {"a, }\\"": [1, {"b": 2}]},\n  "theta": 10000.0\n}\n',
    );
    expect(withoutMembers(text, ['nothing'])).toBe(text);
    expect(withoutMembers('{"quantization":1}', ['quantization'])).toBe('{}');
  });

  it('takes just the members away that are named', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.array(fc.string()),
        fc.constantFrom(undefined, 2, '\t'),
        (object, others, space) => {
          const names = [...Object.keys(object).filter((_, index) => index % 2 === 0), ...others];
          const text = JSON.stringify(object, null, space);
          const kept = Object.entries(JSON.parse(text) as object).filter(([name]) => !names.includes(name));
          expect(JSON.parse(withoutMembers(text, names))).toEqual(Object.fromEntries(kept));
        },
      ),
    );
  });
});
