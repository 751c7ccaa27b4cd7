/** How a text is cut up and scored. */
export type ProtocolName = 'gptq' | 'llama.cpp' | 'stride' | 'word';

export const protocolNames: readonly ProtocolName[] = ['gptq', 'llama.cpp', 'stride', 'word'];

/** What a perplexity must be quoted with; values under different protocols cannot be compared. */
export type Protocol = GptqProtocol | LlamaCppProtocol | StrideProtocol | WordProtocol;

interface ProtocolFacts {
  /** Tokens that a window feeds at most. */
  ctx: number;
  /** Windows scored. */
  windows: number;
  /** Tokens of the whole text, with those that the tokenizer puts before it, whether or not they are in a window. */
  tokens: number;
  /** Tokens that are scored. */
  scored: number;
  /** SHA-256 of the text in UTF-8. */
  textSha256: string;
}

/** Disjoint windows, each scoring its tokens but the first (GPTQ, SmoothQuant, AWQ). */
export interface GptqProtocol extends ProtocolFacts {
  name: 'gptq';
  /** Whether the text starts with a BOS. No window has one of its own. */
  bos: boolean;
}

/** Disjoint windows, each scoring its second half (llama-perplexity). */
export interface LlamaCppProtocol extends ProtocolFacts {
  name: 'llama.cpp';
  /** Whether a BOS stands in the place of each window's first token. */
  bos: boolean;
}

/** Overlapping windows, each scoring what the one before it did not see (documentation of transformers). */
export interface StrideProtocol extends ProtocolFacts {
  name: 'stride';
  /** Tokens from the start of a window to the start of the next. */
  stride: number;
  /** Whether the text starts with a BOS. */
  bos: boolean;
}

/** Each page by itself, all of its tokens scored, by its words and bytes (lm-evaluation-harness, task "wikitext"). */
export interface WordProtocol extends ProtocolFacts {
  name: 'word';
  /** Whether the token before each page is the BOS; the EOS stands in for a tokenizer without one. */
  bos: boolean;
  pages: number;
  /** Of the pages before they are detokenized. */
  words: number;
  bytes: number;
}

/** Some tokens of a text, of which the last ones are scored. */
export interface Window {
  /** The model is fed all of them but the last. */
  tokenIds: Int32Array;
  /** Index in `tokenIds` of the first token that is scored, at least 1; all that follow are scored as well. */
  firstTarget: number;
  /** Of a scored token in the sum of losses. */
  weight: number;
  /** What the sum of losses is divided by: targets by their weight, or words. */
  units: number;
  /** Of the text that the window stands for, under protocol "word". */
  bytes?: number;
}

/** A text that is ready to be scored. */
export interface PreparedText {
  protocol: Protocol;
  windows: readonly Window[];
}
