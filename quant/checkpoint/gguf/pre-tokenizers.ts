/** How a byte-level tokenizer treats text before the merges, in the words of tokenizer.json. */
export interface PreTokenization {
  normalizer: object | null;
  preTokenizer: object;
  /** A piece that is a token as a whole is not built from merges. */
  ignoreMerges: boolean;
  /** Whether a text begins with BOS where the file does not say so. */
  addsBos: boolean;
}

const byteLevel = (usesRegex: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: usesRegex,
});

const splitBy = (pattern: string) => ({
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
    byteLevel(false),
  ],
});

/**
 * The patterns of Llama 3 and of Qwen 2 and 3 are one but for how many digits stay together: English contractions; a word
 * with at most one other character before it; digits; other characters with line ends behind them; white space.
 */
const wordPattern = (digits: string): string =>
  [
    String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)`,
    String.raw`[^\r\n\p{L}\p{N}]?\p{L}+`,
    digits,
    String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*`,
    String.raw`\s*[\r\n]+`,
    String.raw`\s+(?!\S)`,
    String.raw`\s+`,
  ].join('|');

const llama3: PreTokenization = {
  normalizer: null,
  preTokenizer: splitBy(wordPattern(String.raw`\p{N}{1,3}`)),
  ignoreMerges: true,
  addsBos: true,
};

/**
 * By `tokenizer.ggml.pre`. A name is here if the tokenizer.json of the models that have it is known: the name stands for
 * what a converter recognized, and a guess would give other tokens without a word.
 */
export const preTokenizations: ReadonlyMap<string, PreTokenization> = new Map([
  ['gpt-2', { normalizer: null, preTokenizer: byteLevel(true), ignoreMerges: false, addsBos: false }],
  ['llama-bpe', llama3],
  ['llama3', llama3],
  ['llama-v3', llama3],
  [
    'qwen2',
    {
      normalizer: { type: 'NFC' },
      preTokenizer: splitBy(wordPattern(String.raw`\p{N}`)),
      ignoreMerges: false,
      addsBos: false,
    },
  ],
  [
    'smollm',
    {
      normalizer: null,
      preTokenizer: {
        type: 'Sequence',
        pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel(true)],
      },
      ignoreMerges: false,
      addsBos: false,
    },
  ],
]);
