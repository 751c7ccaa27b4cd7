import type { GgufMetadata } from './metadata.ts';
import { specialToken } from './vocabulary.ts';

const TEMPLATE = 'tokenizer.chat_template';

/** Members of tokenizer_config.json, and how the metadata name the same token. */
const specialTokens = { bos_token: 'bos', eos_token: 'eos', unk_token: 'unknown', pad_token: 'padding' } as const;

/** tokenizer_config.json: special tokens by name, and the chat template. @throws InputError `E_GGUF_KEY` */
export function tokenizerConfigDocument(metadata: GgufMetadata): object {
  const tokens = Object.entries(specialTokens).map(([member, name]) => [member, specialToken(metadata, name)?.content]);
  return {
    ...(Object.fromEntries(tokens) as Record<string, string | undefined>),
    chat_template: chatTemplate(metadata),
    clean_up_tokenization_spaces: false,
    tokenizer_class: 'PreTrainedTokenizerFast',
  };
}

/** The one template, or all by name where there are several. */
function chatTemplate(metadata: GgufMetadata): string | readonly object[] | undefined {
  const unnamed = metadata.string(TEMPLATE);
  const named = metadata.keys(`${TEMPLATE}.`).map((key) => ({
    name: key.slice(TEMPLATE.length + 1),
    template: metadata.string(key),
  }));
  if (named.length === 0) return unnamed;
  return [...(unnamed === undefined ? [] : [{ name: 'default', template: unnamed }]), ...named];
}
