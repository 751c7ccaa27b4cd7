import type { ModelTensor } from '../architecture.ts';
import { isGemma, type Family } from '../families.ts';

/** Tensors outside the layers, by module. */
const outerNames: Readonly<Record<string, string>> = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
};

/** Parts of a layer, by module. */
const layerNames: Readonly<Record<string, string>> = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
};

/** The norms that are named by their place: Gemma has one before and one behind each block. */
const plainNorms: Readonly<Record<string, string>> = { post_attention_layernorm: 'ffn_norm' };
const gemmaNorms: Readonly<Record<string, string>> = {
  post_attention_layernorm: 'post_attention_norm',
  pre_feedforward_layernorm: 'ffn_norm',
  post_feedforward_layernorm: 'post_ffw_norm',
};

/** GGUF's name of a tensor of the model. */
export function ggufName({ name, module, layer }: ModelTensor, family: Family): string {
  const suffix = name.slice(module.length);
  if (layer === undefined) return outerNames[module] + suffix;
  const part = module.slice(`model.layers.${layer}.`.length);
  const norms = isGemma(family) ? gemmaNorms : plainNorms;
  return `blk.${layer}.${norms[part] ?? layerNames[part]}${suffix}`;
}

/** Tensors that files may have and that say nothing that config.json does not: tables of rotations. */
const ignored = /^(?:rope_freqs|blk\.\d+\.attn_rot_embd)\.weight$/;

export const isIgnored = (name: string): boolean => ignored.test(name);
