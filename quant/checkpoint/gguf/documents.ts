import { InputError } from '../../errors.ts';
import type { ModelDocuments } from '../stored-model.ts';
import type { GgufMetadata } from './metadata.ts';
import { tokenizerConfigDocument } from './tokenizer-config-document.ts';
import { hasTokenizer, tokenizerDocument } from './tokenizer-document.ts';

/**
 * The files that stand beside float weights, made from metadata when they are first read: a tokenizer that cannot be
 * rebuilt is refused by who needs it.
 */
export function ggufDocuments(metadata: GgufMetadata, config: Uint8Array): ModelDocuments {
  const made = new Map<string, Uint8Array>([['config.json', config]]);
  const makers = new Map<string, () => object>();
  if (hasTokenizer(metadata)) {
    makers.set('tokenizer.json', () => tokenizerDocument(metadata));
    makers.set('tokenizer_config.json', () => tokenizerConfigDocument(metadata));
  }
  return {
    names: [...made.keys(), ...makers.keys()].sort(),
    read: (name, maxBytes) => {
      const make = makers.get(name);
      const bytes = made.get(name) ?? (make && Buffer.from(JSON.stringify(make(), null, 1)));
      if (!bytes) return undefined;
      made.set(name, bytes);
      if (bytes.byteLength > maxBytes) {
        throw new InputError(
          `${metadata.file}: its ${name} has ${bytes.byteLength} bytes, over the limit of ${maxBytes}`,
          {
            code: 'E_FILE_TOO_LARGE',
            details: { file: metadata.file, document: name, bytes: bytes.byteLength, limit: maxBytes },
          },
        );
      }
      return bytes;
    },
  };
}
