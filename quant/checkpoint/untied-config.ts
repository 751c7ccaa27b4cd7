import { CONFIG_LIMITS } from './hf-config.ts';
import { isJsonObject, parseJson } from './strict-json.ts';

const TIED = /("tie_word_embeddings"\s*:\s*)true/g;

/**
 * The text of a config.json for a model whose output layer has become a tensor of its own: `tie_word_embeddings` false,
 * all the rest as it was written.
 *
 * @throws RangeError if the text does not say that embeddings are tied
 */
export function withUntiedEmbeddings(configText: string): string {
  const untied = configText.replace(TIED, '$1false');
  const document = parseJson(Buffer.from(untied), 'config.json', CONFIG_LIMITS);
  if (isJsonObject(document) && document.get('tie_word_embeddings') === false) return untied;
  throw new RangeError('config.json has no member tie_word_embeddings that is true');
}
