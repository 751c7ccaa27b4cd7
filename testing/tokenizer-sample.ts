/** A small byte-level BPE tokenizer in the form of a tokenizer.json, for tests. */
export interface TokenizerSample {
  version: string;
  added_tokens: object[];
  normalizer: unknown;
  pre_tokenizer: unknown;
  post_processor: unknown;
  decoder: unknown;
  model: { type: string; vocab: Record<string, number>; merges: string[] };
}

/** The last two tell a space in one piece with ½ or U+FEFF from one in a piece of its own. */
const merges = ['h e', 'Ġ t', 'Ġt he', 'e n', 'en d', 'Ġ Ġ', 'Ġ Â', 'Ġ ï'];

/** Ids 0 to 255 are the bytes, then come the merges in their order, then `<s>`. */
export function sampleTokenizer(preTokenizer: unknown, postProcessor: unknown = null): TokenizerSample {
  const tokens = [...byteAlphabet(), ...merges.map((merge) => merge.replace(' ', ''))];
  return {
    version: '1.0',
    added_tokens: [
      {
        id: tokens.length,
        content: '<s>',
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      },
    ],
    normalizer: null,
    pre_tokenizer: preTokenizer,
    post_processor: postProcessor,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: 'BPE', vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges },
  };
}

/** The characters that stand for bytes: printable ones for themselves, the others from U+0100 on (GPT-2). */
function byteAlphabet(): string[] {
  const isPrintable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
}

export const byteLevel: object = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };

/** As SmolLM2 has it. */
export const digitsThenByteLevel: object = {
  type: 'Sequence',
  pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel],
};

const qwenPattern = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** As Qwen has it. */
export const splitThenByteLevel: object = {
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: qwenPattern }, behavior: 'Isolated', invert: false },
    { ...byteLevel, use_regex: false },
  ],
};

/** `<s>` before each text, as Llama has it. */
export const startOfText: object = {
  type: 'TemplateProcessing',
  single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
  pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
  special_tokens: { '<s>': { id: '<s>', ids: [264], tokens: ['<s>'] } },
};
