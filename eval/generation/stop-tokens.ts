import { ConfigFields } from '../../quant/checkpoint/config-fields.ts';
import { CONFIG_LIMITS, readTokenIds, type ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import type { ModelDocuments } from '../../quant/checkpoint/stored-model.ts';
import { isJsonObject, parseJson } from '../../quant/checkpoint/strict-json.ts';
import { InputError } from '../../quant/errors.ts';

const FILE = 'generation_config.json';

/**
 * The tokens that end a text by generation_config.json, if the model has one, and by config.json.
 *
 * @throws InputError `E_CONFIG_*`, `E_JSON_*`
 */
export function readStopTokens(documents: ModelDocuments, config: Pick<ModelConfig, 'eosTokenIds'>): Set<number> {
  return new Set([...readGenerationConfig(documents), ...config.eosTokenIds]);
}

function readGenerationConfig(documents: ModelDocuments): readonly number[] {
  const bytes = documents.read(FILE, CONFIG_LIMITS.maxBytes);
  if (!bytes) return [];
  const document = parseJson(bytes, FILE, CONFIG_LIMITS);
  if (!isJsonObject(document)) {
    throw new InputError(`${FILE}: expected a JSON object`, {
      code: 'E_CONFIG_NOT_AN_OBJECT',
      details: { file: FILE },
    });
  }
  return readTokenIds(new ConfigFields(FILE, document), 'eos_token_id');
}
