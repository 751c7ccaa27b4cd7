import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.ts';
import { nodeFileSystem } from '../file-system.ts';
import { sideContent, type SideContent } from './side-files.ts';

/** Of a GGUF file whose tokenizer.json fails with a code. */
function contentOf(code: string): SideContent {
  const read = (name: string): Uint8Array => {
    if (name === 'tokenizer.json') throw new InputError('x.gguf: the tokenizer is of another kind', { code });
    return new Uint8Array(1);
  };
  const names = ['config.json', 'tokenizer.json', 'tokenizer_config.json'];
  return sideContent(nodeFileSystem, { checkpoint: undefined, documents: { names, read } });
}

describe('what stands beside the weights of a GGUF file', () => {
  it('is without a tokenizer that cannot be rebuilt, and says so', () => {
    const { files, documents, warnings } = contentOf('E_GGUF_TOKENIZER');
    expect(files).toEqual([]);
    expect([...documents.keys()]).toEqual(['tokenizer_config.json']);
    expect(warnings).toEqual([
      'x.gguf: the tokenizer is of another kind; the output has no tokenizer.json: put that of the original model there',
    ]);
  });

  it('is refused if it is damaged', () => {
    expect(() => contentOf('E_GGUF_KEY')).toThrow(InputError);
  });
});
