import type { ConfigFields } from './config-fields.ts';

/** Classes of transformers by `model_type`, which tells families apart. SmolLM2 and TinyLlama are llama; `gemma3`, which sees pictures too, is not known. */
export const architectureOf = {
  llama: 'LlamaForCausalLM',
  mistral: 'MistralForCausalLM',
  qwen2: 'Qwen2ForCausalLM',
  qwen3: 'Qwen3ForCausalLM',
  gemma2: 'Gemma2ForCausalLM',
  gemma3_text: 'Gemma3ForCausalLM',
} as const;

export type Family = keyof typeof architectureOf;

const families = Object.keys(architectureOf) as Family[];
const knownTypes = `known: ${families.join(', ')}`;

export function readFamily(fields: ConfigFields): Family {
  const type = fields.string('model_type') ?? fields.failMissing('model_type', `one of ${families.join(', ')}`);
  const family = families.find((name) => name === type);
  if (family === undefined) throw fields.refusal('model_type', knownTypes);

  const expected = architectureOf[family];
  for (const architecture of fields.strings('architectures') ?? []) {
    if (architecture !== expected) {
      throw fields.refusal('architectures', `expected [${JSON.stringify(expected)}] with model_type ${family}`);
    }
  }
  return family;
}

/** Families whose norms, embedding, activation and tied head are those of Gemma. */
export const isGemma = (family: Family): boolean => family.startsWith('gemma');

/** Biases that the family's code always or never has, whatever the configuration says. */
const fixedBiases: Readonly<Record<Family, Readonly<Record<string, boolean>>>> = {
  llama: {},
  mistral: { attention_bias: false, mlp_bias: false },
  qwen2: { attention_bias: true, mlp_bias: false },
  qwen3: { mlp_bias: false },
  gemma2: { mlp_bias: false },
  gemma3_text: { mlp_bias: false },
};

/** Refuses members that would change the arithmetic in ways that the forward pass does not know. */
export function checkArchitecture(fields: ConfigFields, family: Family): void {
  checkActivation(fields, family);
  if (fields.boolean('rope_interleaved') === true) {
    throw fields.refusal('rope_interleaved', 'only the rotation of halves (false) is supported');
  }
  if (fields.boolean('use_bidirectional_attention') === true) {
    throw fields.refusal('use_bidirectional_attention', 'only attention to earlier positions (false) is supported');
  }
  for (const [name, fixed] of Object.entries(fixedBiases[family])) {
    if ((fields.boolean(name) ?? fixed) !== fixed) {
      throw fields.refusal(name, `${family} models ${fixed ? 'always' : 'never'} have these biases`);
    }
  }
}

/** Gemma's code reads the activation from a member of its own, whatever `hidden_act` says. */
function checkActivation(fields: ConfigFields, family: Family): void {
  const name = isGemma(family) ? 'hidden_activation' : 'hidden_act';
  // Each list has the names of one function.
  const known = isGemma(family) ? ['gelu_pytorch_tanh'] : ['silu', 'swish'];
  if (!known.includes(fields.string(name) ?? known[0])) throw fields.refusal(name, `known: ${known[0]}`);
}
