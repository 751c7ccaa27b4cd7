import { createHash } from 'node:crypto';
import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { InputError, UsageError } from '../../quant/errors.ts';
import type { CalibrationFacts } from '../../quant/methods/calibration.ts';
import type { LoadedText } from '../datasets/load-text.ts';
import { encodeWithPrefix, type TextEncoder } from '../perplexity/text-encoder.ts';

/** The text that a model is calibrated with. */
export interface CalibrationText {
  /** Of `seqLen` tokens each. */
  windows: readonly Int32Array[];
  facts: CalibrationFacts;
}

export interface CalibrationShape {
  /** Windows; at least one. */
  samples: number;
  /** Tokens in each; at least one. */
  seqLen: number;
}

/** @throws UsageError `E_SEQUENCE_TOO_LONG` if windows are longer than the model was made for */
export function checkSequenceLength(seqLen: number, { maxPositionEmbeddings: limit }: ModelConfig): void {
  if (seqLen <= limit) return;
  throw new UsageError(`--seq-len ${seqLen}: the model was made for at most ${limit} positions`, {
    code: 'E_SEQUENCE_TOO_LONG',
    hint: `use --seq-len ${limit} or less`,
    details: { value: seqLen, limit },
  });
}

/**
 * WikiText's word-level files and Penn Treebank have `<unk>` where a word is rare. No model meets it in use, and Hessians
 * of such a text are in good part those of its three or so tokens (docs/benchmarks.md, Methods, has what that costs).
 */
const PLACEHOLDERS = / ?<unk>/;

/** A text without placeholders of words, each with the space before it, and how many there were. */
export function withoutPlaceholders(text: string): { text: string; placeholders: number } {
  const parts = text.split(PLACEHOLDERS);
  return { text: parts.join(''), placeholders: parts.length - 1 };
}

/**
 * Windows of a text. It is encoded once, with what the tokenizer puts before a text at its start, and cut into disjoint
 * windows; what is left at its end is dropped. Of more windows than are wanted, those are taken that lie evenly over the
 * text, the first one included: number `floor(i · windows / samples)` for i from 0 on.
 *
 * @throws InputError `E_TOO_FEW_TOKENS` and those of encoding
 */
export async function textWindows(
  text: Pick<LoadedText, 'name' | 'text'>,
  encoder: Pick<TextEncoder, 'prefixIds' | 'encodeAll'>,
  { samples, seqLen }: CalibrationShape,
): Promise<CalibrationText> {
  const tokenIds = await encodeWithPrefix(text.text, encoder);
  const count = Math.floor(tokenIds.length / seqLen);
  if (count < samples) throw tooFewTokens(tokenIds.length, { samples, seqLen });
  const windows = Array.from({ length: samples }, (_, sample) => {
    const start = Math.floor((sample * count) / samples) * seqLen;
    // A copy, so that the tokens of a whole dataset need not stay in memory.
    return tokenIds.slice(start, start + seqLen);
  });
  return calibrationText(text.name, windows, seqLen);
}

/** Windows with what is to be known of them. */
export function calibrationText(data: string, windows: readonly Int32Array[], seqLen: number): CalibrationText {
  const hash = createHash('sha256');
  for (const window of windows) hash.update(window);
  return { windows, facts: { data, tokensSha256: hash.digest('hex'), samples: windows.length, seqLen } };
}

function tooFewTokens(found: number, { samples, seqLen }: CalibrationShape): InputError {
  const needed = samples * seqLen;
  const fitting = Math.floor(found / seqLen);
  return new InputError(`the text has ${found} tokens, but ${samples} windows of ${seqLen} need ${needed}`, {
    code: 'E_TOO_FEW_TOKENS',
    hint:
      fitting > 0
        ? `give a longer text, or --samples ${fitting} or less`
        : `give a longer text, or a smaller --seq-len`,
    details: { needed, found },
  });
}
