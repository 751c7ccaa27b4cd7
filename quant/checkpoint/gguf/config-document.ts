import { architectureOf, isGemma } from '../families.ts';
import { elementCount } from '../tensor-size.ts';
import type { GgufArchitecture } from './families.ts';
import type { GgufMetadata } from './metadata.ts';
import { ropeMembers, ROPE_FACTORS } from './rope-document.ts';
import { slidingMembers } from './sliding-document.ts';
import type { GgufTensor } from './tensor-infos.ts';

/** What config.json is made from. */
export interface ConfigSource {
  metadata: GgufMetadata;
  architecture: GgufArchitecture;
  tensors: ReadonlyMap<string, GgufTensor>;
  /** All values of a tensor. */
  readFloats: (tensor: GgufTensor) => Float32Array;
}

const dtypes: Readonly<Record<string, string>> = { F32: 'float32', BF16: 'bfloat16' };

/** Keys that would change the arithmetic in ways that the forward pass does not know, and the values that would not. */
const neutral: Readonly<Record<string, readonly (number | boolean | string)[]>> = {
  expert_count: [0],
  expert_used_count: [0],
  logit_scale: [0, 1],
  residual_scale: [0, 1],
  embedding_scale: [0, 1],
  use_parallel_residual: [false],
  nextn_predict_layers: [0],
  'attention.causal': [true],
  'attention.clamp_kqv': [0],
  'attention.max_alibi_bias': [0],
  'attention.temperature_scale': [0, 1],
  tensor_data_layout: ['Meta AI original pth'],
};

/**
 * config.json of the model as transformers writes it, from the metadata of a GGUF file.
 *
 * @throws InputError `E_GGUF_KEY`, `E_GGUF_KEY_MISSING`, `E_GGUF_ROPE_FACTORS`
 */
export function configDocument(source: ConfigSource): Readonly<Record<string, unknown>> {
  const { metadata, tensors, architecture } = source;
  const key = (name: string): string => `${architecture.name}.${name}`;
  const integer = (name: string): number => metadata.required(key(name), metadata.uniformInteger(key(name)));
  refuseUnsupported(metadata, key);
  const hiddenSize = integer('embedding_length');
  const heads = integer('attention.head_count');
  const headDim = readHeadDim(metadata, key, hiddenSize, heads);
  const layers = integer('block_count');
  const factors = tensors.get(ROPE_FACTORS);
  const sliding = slidingMembers(metadata, architecture);
  const embedding = tensors.get('token_embd.weight');
  // The number of tokens is a hint in the metadata; the rows of the embedding are what there is.
  metadata.has(key('vocab_size'));
  return {
    architectures: [architectureOf[sliding.model_type]],
    attention_bias: tensors.has('blk.0.attn_q.bias'),
    ...tokenIds(metadata),
    head_dim: headDim,
    hidden_size: hiddenSize,
    intermediate_size: integer('feed_forward_length'),
    max_position_embeddings: integer('context_length'),
    mlp_bias: tensors.has('blk.0.ffn_gate.bias'),
    num_attention_heads: heads,
    num_hidden_layers: layers,
    num_key_value_heads: metadata.uniformInteger(key('attention.head_count_kv')) ?? heads,
    rms_norm_eps: metadata.required(
      key('attention.layer_norm_rms_epsilon'),
      metadata.number(key('attention.layer_norm_rms_epsilon')),
    ),
    ...ropeMembers({
      metadata,
      architecture: architecture.name,
      headDim,
      factors: factors && { count: elementCount(factors.shape), read: () => source.readFloats(factors) },
    }),
    ...sliding,
    ...(isGemma(architecture.family) ? gemmaMembers(metadata, { key, hiddenSize, heads, headDim, layers }) : {}),
    tie_word_embeddings: !tensors.has('output.weight'),
    // Values of quantized weights are products of codes and of scales in f16.
    torch_dtype: dtypes[embedding?.typeName ?? ''] ?? 'float16',
    vocab_size: embedding?.shape[0] ?? 0,
  };
}

function refuseUnsupported(metadata: GgufMetadata, key: (name: string) => string): void {
  for (const [name, known] of Object.entries(neutral)) {
    const read = { number: 'number', boolean: 'boolean', string: 'string' } as const;
    const value = metadata[read[typeof known[0] as keyof typeof read]](key(name));
    if (value !== undefined && !known.includes(value)) {
      metadata.refuse(key(name), `only ${known.join(' or ')} is supported`);
    }
  }
}

function readHeadDim(metadata: GgufMetadata, key: (name: string) => string, hiddenSize: number, heads: number): number {
  const length = metadata.integer(key('attention.key_length'));
  const values = metadata.integer(key('attention.value_length')) ?? length;
  if (values !== length) metadata.refuse(key('attention.value_length'), `keys have ${length ?? 'no length'}`);
  if (length !== undefined) return length;
  if (heads === 0 || hiddenSize % heads !== 0) {
    metadata.refuse(key('attention.head_count'), `embedding_length ${hiddenSize} is not a multiple of it`);
  }
  return hiddenSize / heads;
}

function tokenIds(metadata: GgufMetadata): Readonly<Record<string, number | readonly number[] | undefined>> {
  const id = (name: string): number | undefined => metadata.integer(`tokenizer.ggml.${name}_token_id`);
  const ends = [...new Set([id('eos'), id('eot'), id('eom')].flatMap((each) => each ?? []))];
  return {
    bos_token_id: id('bos'),
    eos_token_id: ends.length > 1 ? ends : ends[0],
    pad_token_id: id('padding'),
  };
}

interface GemmaSizes {
  key: (name: string) => string;
  hiddenSize: number;
  heads: number;
  headDim: number;
  layers: number;
}

/** Layers of the models of 27 billion parameters, the only ones whose scores are not scaled by their head dimension. */
const SCALED_BY_WIDTH: Readonly<Record<string, number>> = { gemma2: 46, gemma3: 62 };

/** Gemma 2's caps where the file has none. */
const GEMMA2_CAPS = { attn_logit_softcapping: 50, final_logit_softcapping: 30 };

/**
 * What Gemma has besides. No key says by what scores are scaled: ggml goes by the number of layers, and so do the files
 * that are written for it.
 */
function gemmaMembers(metadata: GgufMetadata, { key, hiddenSize, heads, headDim, layers }: GemmaSizes) {
  const architecture = key('').slice(0, -1);
  const scalar = layers === SCALED_BY_WIDTH[architecture] ? hiddenSize / heads : headDim;
  const scale = metadata.number(key('attention.scale'));
  if (scale !== undefined && Math.fround(scale) !== Math.fround(1 / Math.sqrt(scalar))) {
    metadata.refuse(key('attention.scale'), `only 1 / sqrt(${scalar}) is supported`);
  }
  const isSecond = architecture === 'gemma2';
  const cap = (name: keyof typeof GEMMA2_CAPS): number | null =>
    // Zero is how writers say that there is none.
    (metadata.number(key(name)) ?? (isSecond ? GEMMA2_CAPS[name] : 0)) || null;
  return {
    hidden_activation: 'gelu_pytorch_tanh',
    query_pre_attn_scalar: scalar,
    attn_logit_softcapping: isSecond ? cap('attn_logit_softcapping') : null,
    final_logit_softcapping: cap('final_logit_softcapping'),
  };
}
