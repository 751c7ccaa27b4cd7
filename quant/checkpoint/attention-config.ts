import type { ConfigFields, Range } from './config-fields.ts';
import { isGemma, type Family } from './families.ts';
import { readSoftCap } from './soft-cap.ts';

/** Heads of the attention, and how their scores are made. */
export interface AttentionConfig {
  hiddenSize: number;
  heads: number;
  /** Key and value heads; `heads` is a multiple. */
  kvHeads: number;
  headDim: number;
  /** What products of queries and keys are multiplied by. */
  attentionScale: number;
  /** Bound of the scores s, which become cap · tanh(s / cap); undefined: none. */
  attentionSoftCap: number | undefined;
}

/** Widest row whose int8 products fit an int32 sum (docs/numerics.md section 3); Llama 3.1 405B has 53,248. */
export const WIDTH: Range = { min: 1, max: 131_071 };

const HEADS: Range = { min: 1, max: 4096 };
const HEAD_DIM: Range = { min: 2, max: 4096 };
/** Gemma has 144 to 256: the head dimension, or the hidden size by the number of heads. */
const QUERY_SCALAR: Range = { min: 1, max: WIDTH.max };

/** transformers' defaults of the members that its files may lack. */
const defaults = {
  kvHeads: { llama: undefined, mistral: 8, qwen2: 32, qwen3: 32, gemma2: 4, gemma3_text: 4 },
  headDim: {
    llama: undefined,
    mistral: undefined,
    qwen2: undefined,
    qwen3: 128,
    gemma2: 256,
    gemma3_text: 256,
  },
  queryScalar: 256,
} as const;

export function readAttention(fields: ConfigFields, family: Family): AttentionConfig {
  const hiddenSize = fields.requiredInteger('hidden_size', WIDTH);
  const heads = fields.requiredInteger('num_attention_heads', HEADS);
  const kvHeads = readKvHeads(fields, family) ?? heads;
  if (heads % kvHeads !== 0) {
    throw fields.refusal('num_key_value_heads', `num_attention_heads ${heads} is not a multiple of it`);
  }
  const headDim =
    fields.integer('head_dim', HEAD_DIM) ?? defaults.headDim[family] ?? inferHeadDim(fields, hiddenSize, heads);
  if (headDim % 2 !== 0) throw fields.refusal('head_dim', `RoPE needs an even head dimension, not ${headDim}`);
  if (heads * headDim > WIDTH.max) {
    throw fields.refusal('num_attention_heads', `with head_dim ${headDim} it exceeds a width of ${WIDTH.max}`);
  }
  const attentionScale = 1 / Math.sqrt(isGemma(family) ? readQueryScalar(fields) : headDim);
  const attentionSoftCap = readSoftCap(fields, family, 'attn_logit_softcapping');
  return { hiddenSize, heads, kvHeads, headDim, attentionScale, attentionSoftCap };
}

/** null means as many as heads; an absent member means the family's default. */
function readKvHeads(fields: ConfigFields, family: Family): number | undefined {
  const name = 'num_key_value_heads';
  return fields.object.has(name) ? fields.integer(name, HEADS) : defaults.kvHeads[family];
}

function inferHeadDim(fields: ConfigFields, hiddenSize: number, heads: number): number {
  if (hiddenSize % heads !== 0) {
    throw fields.refusal(
      'hidden_size',
      `it is not a multiple of num_attention_heads ${heads}, and there is no head_dim`,
    );
  }
  return hiddenSize / heads;
}

function readQueryScalar(fields: ConfigFields): number {
  return fields.number('query_pre_attn_scalar', QUERY_SCALAR) ?? defaults.queryScalar;
}
