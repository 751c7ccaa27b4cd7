import type { Family } from '../families.ts';
import { quoted } from '../quoted.ts';
import type { GgufMetadata } from './metadata.ts';

/** Families by `general.architecture`. Mistral's models have the architecture of Llama's. */
const familyOf: Readonly<Record<string, Family>> = {
  llama: 'llama',
  qwen2: 'qwen2',
  qwen3: 'qwen3',
  gemma2: 'gemma2',
  gemma3: 'gemma3_text',
};

export interface GgufArchitecture {
  /** As the file names it, which is how its keys begin. */
  name: string;
  family: Family;
}

/** @throws InputError `E_GGUF_ARCHITECTURE` */
export function readArchitecture(metadata: GgufMetadata): GgufArchitecture {
  const key = 'general.architecture';
  const name = metadata.required(key, metadata.string(key));
  if (!Object.hasOwn(familyOf, name)) {
    metadata.refuse(key, `known: ${Object.keys(familyOf).join(', ')}`);
  }
  const type = metadata.string('general.type') ?? 'model';
  if (type !== 'model') metadata.refuse('general.type', `only a ${quoted('model')} can be run`);
  const split = metadata.integer('split.count') ?? 1;
  if (split > 1)
    metadata.refuse(
      'split.count',
      'a model in several GGUF files is not read; join them with llama-gguf-split --merge',
    );
  return { name, family: familyOf[name] };
}
