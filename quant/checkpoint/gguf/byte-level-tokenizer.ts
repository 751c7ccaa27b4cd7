import { quoted } from '../quoted.ts';
import type { GgufMetadata } from './metadata.ts';
import { postProcessor } from './post-processor.ts';
import { preTokenizations, type PreTokenization } from './pre-tokenizers.ts';
import { addedToken, failTokenizer, readVocabulary } from './vocabulary.ts';

const PRE = 'tokenizer.ggml.pre';
const MERGES = 'tokenizer.ggml.merges';
const SPACE_PREFIX = 'tokenizer.ggml.add_space_prefix';

/** tokenizer.json of a byte-level BPE, which GGUF calls `gpt2`; fails as `tokenizerDocument`. */
export function byteLevelTokenizer(metadata: GgufMetadata): object {
  const pre = readPreTokenization(metadata);
  if (metadata.boolean(SPACE_PREFIX) === true) {
    metadata.refuse(SPACE_PREFIX, 'only false is supported for byte-level tokenizers');
  }
  const { normal, added, bytes } = readVocabulary(metadata);
  if (bytes.size > 0) failTokenizer(metadata, `${bytes.size} tokens of a byte-level vocabulary have the type of bytes`);
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added.map((token) => addedToken(token, false)),
    normalizer: pre.normalizer,
    pre_tokenizer: pre.preTokenizer,
    post_processor: postProcessor(metadata, pre.addsBos),
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: pre.ignoreMerges,
      vocab: Object.fromEntries(normal),
      merges: readMerges(metadata, normal),
    },
  };
}

function readPreTokenization(metadata: GgufMetadata): PreTokenization {
  const name = metadata.string(PRE);
  const known = preTokenizations.get(name ?? '');
  if (known) return known;
  const found = name === undefined ? `${PRE} is missing` : `${PRE} is ${quoted(name)}`;
  const names = [...preTokenizations.keys()].join(', ');
  return failTokenizer(metadata, `${found}, and how it splits text is not known; known: ${names}`);
}

/** Pairs of tokens that become one, the first pair first. The file has each as a text with a space between. */
function readMerges(metadata: GgufMetadata, normal: ReadonlyMap<string, number>): string[][] {
  const merges = metadata.required(MERGES, metadata.strings(MERGES));
  return merges.map((merge, at) => {
    const space = merge.indexOf(' ');
    const pair = [merge.slice(0, space), merge.slice(space + 1)];
    if (space === -1 || ![...pair, pair.join('')].every((token) => normal.has(token))) {
      failTokenizer(metadata, `merge ${at}, ${quoted(merge)}, does not make a token of two`);
    }
    return pair;
  });
}
