import { UsageError } from '../../quant/errors.ts';
import { pageWindows } from './page-windows.ts';
import { splitPages } from './pages.ts';
import type { PreparedText, Protocol, ProtocolName, Window } from './protocol.ts';
import { encodeWithPrefix, type TextEncoder } from './text-encoder.ts';
import { gptqWindows, llamaCppWindows, requireTokens, strideWindows } from './windows.ts';

export interface ProtocolOptions {
  name: ProtocolName;
  /** Tokens that a window feeds. */
  ctx: number;
  /** Only for protocol "stride"; default: 512, or `ctx` if that is less. */
  stride?: number | undefined;
  /** At most so many windows, from the start; pages under protocol "word". */
  samples?: number | undefined;
}

/** A text in the form that `textForm` names. */
export interface TextToPrepare {
  text: string;
  sha256: string;
}

/** The form of WikiText that a protocol is defined on: the rows of the data set joined by blank lines, or the raw file. */
export function textForm(name: ProtocolName): 'joined' | 'raw' {
  return name === 'llama.cpp' || name === 'word' ? 'raw' : 'joined';
}

/** What those who publish values use: the papers of GPTQ and others, llama-perplexity, and the documentation for GPT-2. */
const usualCtx: Readonly<Record<ProtocolName, number>> = {
  gptq: 2048,
  'llama.cpp': 512,
  stride: 1024,
  // As long as the model allows.
  word: Infinity,
};

/** Tokens of a window unless others are asked for, for a model made for `maxPositions`. */
export function defaultCtx(name: ProtocolName, maxPositions: number): number {
  return Math.min(usualCtx[name], maxPositions);
}

const USUAL_STRIDE = 512;

/** With fewer tokens a window scores nothing. */
const smallestCtx: Readonly<Record<ProtocolName, number>> = { gptq: 2, 'llama.cpp': 3, stride: 2, word: 1 };

/**
 * Encodes a text and cuts it up by a protocol. All but "word" encode it once as a whole, with what the tokenizer puts
 * before a text at its start.
 *
 * @throws UsageError `E_CTX_TOO_SMALL`, `E_STRIDE`, `E_NO_START_TOKEN`; InputError `E_TOO_FEW_TOKENS` and those of encoding
 */
export async function prepareText(
  source: TextToPrepare,
  encoder: TextEncoder,
  options: ProtocolOptions,
): Promise<PreparedText> {
  checkCtx(options);
  if (options.name === 'word') return preparePages(source, encoder, options);
  const tokenIds = await encodeWhole(source.text, encoder, options.name);
  const bos = encoder.prefixIds.length > 0;
  const facts = { bos, tokens: tokenIds.length, ctx: options.ctx, textSha256: source.sha256 };
  switch (options.name) {
    case 'gptq':
      return prepared(gptqWindows(tokenIds, options), (counts) => ({ name: 'gptq', ...facts, ...counts }));
    case 'llama.cpp': {
      const windows = llamaCppWindows(tokenIds, encoder.prefixIds[0], options);
      return prepared(windows, (counts) => ({ name: 'llama.cpp', ...facts, ...counts }));
    }
    case 'stride': {
      const stride = chooseStride(options);
      const windows = strideWindows(tokenIds, { ...options, stride });
      return prepared(windows, (counts) => ({ name: 'stride', stride, ...facts, ...counts }));
    }
  }
}

async function preparePages(
  { text, sha256 }: TextToPrepare,
  encoder: TextEncoder,
  { ctx, samples }: ProtocolOptions,
): Promise<PreparedText> {
  const { start } = encoder;
  if (start === undefined) {
    throw new UsageError('protocol "word" needs a BOS or EOS token before each page, but the tokenizer names none', {
      code: 'E_NO_START_TOKEN',
      hint: 'add bos_token or eos_token to tokenizer_config.json, or use another --protocol',
    });
  }
  const pages = splitPages(text);
  const encoded = await encoder.encodeAll(pages.map((page) => page.text));
  const tokens = encoded.reduce((sum, ids) => sum + ids.length, 0);
  requireTokens(tokens, 1);
  const chosen = pages.slice(0, samples);
  const windows = chosen.flatMap((page, index) => pageWindows(encoded[index], start.id, ctx, page));
  const words = chosen.reduce((sum, page) => sum + page.words, 0);
  const bytes = chosen.reduce((sum, page) => sum + page.bytes, 0);
  const facts = { bos: start.isBos, tokens, ctx, textSha256: sha256, pages: chosen.length, words, bytes };
  return prepared(windows, (counts) => ({ name: 'word', ...facts, ...counts }));
}

function prepared(
  windows: readonly Window[],
  protocol: (counts: { windows: number; scored: number }) => Protocol,
): PreparedText {
  const scored = windows.reduce((sum, { tokenIds, firstTarget }) => sum + tokenIds.length - firstTarget, 0);
  return { windows, protocol: protocol({ windows: windows.length, scored }) };
}

function encodeWhole(text: string, encoder: TextEncoder, name: ProtocolName): Promise<Int32Array> {
  // llama-perplexity, like all programs of llama.cpp, drops one newline at the end of a file.
  return encodeWithPrefix(name === 'llama.cpp' ? text.replace(/\n$/, '') : text, encoder);
}

function checkCtx({ name, ctx }: ProtocolOptions): void {
  if (ctx >= smallestCtx[name]) return;
  throw new UsageError(`--ctx ${ctx}: a window of protocol "${name}" needs at least ${smallestCtx[name]} tokens`, {
    code: 'E_CTX_TOO_SMALL',
    details: { value: ctx, limit: smallestCtx[name] },
  });
}

function chooseStride({ ctx, stride = Math.min(USUAL_STRIDE, ctx) }: ProtocolOptions): number {
  if (stride >= 1 && stride <= ctx) return stride;
  throw new UsageError(`--stride ${stride}: expected 1 to ${ctx}, as windows of ${ctx} tokens would leave tokens out`, {
    code: 'E_STRIDE',
    details: { value: stride, limit: ctx },
  });
}
