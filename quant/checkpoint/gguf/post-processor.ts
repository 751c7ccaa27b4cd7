import type { GgufMetadata } from './metadata.ts';
import { specialToken, type SpecialToken } from './vocabulary.ts';

/**
 * What puts BOS before a text and EOS behind it, as the file asks; null if it asks for neither.
 *
 * @param addsBos where the file does not say so
 */
export function postProcessor(metadata: GgufMetadata, addsBos: boolean): object | null {
  const [before, after] = [wanted(metadata, 'bos', addsBos), wanted(metadata, 'eos', false)];
  if (before.length + after.length === 0) return null;
  const piece = ({ content }: SpecialToken) => ({ SpecialToken: { id: content, type_id: 0 } });
  const around = (text: string) => [...before.map(piece), { Sequence: { id: text, type_id: 0 } }, ...after.map(piece)];
  const tokens = [...before, ...after].map(({ id, content }) => [
    content,
    { id: content, ids: [id], tokens: [content] },
  ]);
  return {
    type: 'TemplateProcessing',
    single: around('A'),
    pair: [...around('A'), ...around('B')],
    special_tokens: Object.fromEntries(tokens) as object,
  };
}

function wanted(metadata: GgufMetadata, name: 'bos' | 'eos', byDefault: boolean): SpecialToken[] {
  const key = `tokenizer.ggml.add_${name}_token`;
  if (!(metadata.boolean(key) ?? byDefault)) return [];
  const token = specialToken(metadata, name);
  return token ? [token] : metadata.refuse(key, `there is no tokenizer.ggml.${name}_token_id`);
}
