import type { ConfigFields } from './config-fields.ts';

/** Model families by `model_type`. SmolLM2 and TinyLlama are llama. */
const architectureOf = {
  llama: 'LlamaForCausalLM',
  mistral: 'MistralForCausalLM',
  qwen2: 'Qwen2ForCausalLM',
  qwen3: 'Qwen3ForCausalLM',
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

/** Biases that the family's code always or never has, whatever the configuration says. */
const fixedBiases: Readonly<Record<Family, Readonly<Record<string, boolean>>>> = {
  llama: {},
  mistral: { attention_bias: false, mlp_bias: false },
  qwen2: { attention_bias: true, mlp_bias: false },
  qwen3: { mlp_bias: false },
};

/** Refuses members that would change the arithmetic in ways that the forward pass does not know. */
export function checkArchitecture(fields: ConfigFields, family: Family): void {
  const activation = fields.string('hidden_act') ?? 'silu';
  // Two names of the same function.
  if (activation !== 'silu' && activation !== 'swish') throw fields.refusal('hidden_act', 'known: silu');
  if (fields.boolean('rope_interleaved') === true) {
    throw fields.refusal('rope_interleaved', 'only the rotation of halves (false) is supported');
  }
  for (const [name, fixed] of Object.entries(fixedBiases[family])) {
    if ((fields.boolean(name) ?? fixed) !== fixed) {
      throw fields.refusal(name, `${family} models ${fixed ? 'always' : 'never'} have these biases`);
    }
  }
}
