import type { InputError } from '../errors.ts';
import { ConfigFields } from './config-fields.ts';
import type { ModelConfig } from './hf-config.ts';

/** Names that config.json has for methods of quantization that are not read, in the words of those who made them. */
const methods: Readonly<Record<string, string>> = {
  gptq: 'the packed integers of AutoGPTQ and GPTQModel',
  awq: 'the packed integers of AutoAWQ',
  'auto-round': 'the packed integers of AutoRound',
  bitsandbytes: 'NF4, FP4 or LLM.int8() of bitsandbytes',
  fp8: '8-bit floats in blocks, as DeepSeek and Qwen publish them',
  fbgemm_fp8: '8-bit floats of FBGEMM',
  quark: "the files of AMD's Quark",
  modelopt: "the files of NVIDIA's ModelOpt",
  mxfp4: '4-bit floats of OCP, as gpt-oss has them',
  torchao: 'tensors of torchao',
  quanto: 'tensors of Quanto',
  hqq: 'tensors of HQQ',
  aqlm: 'codebooks of AQLM',
  vptq: 'codebooks of VPTQ',
  spqr: 'the sparse format of SpQR',
  higgs: 'codebooks of HIGGS',
  eetq: 'the int8 of EETQ',
  bitnet: 'the ternary weights of BitNet',
};

const known = 'known: compressed-tensors, MLX (member "quantization"), GGUF files';
const hint = 'take the float version of the model, or one of it in a known format';

/** Why a checkpoint cannot be read whose config.json names another method than those that are known. */
export function foreignQuantization({ raw }: Pick<ModelConfig, 'raw'>): InputError {
  const top = new ConfigFields('config.json', raw);
  const member = top.has('quantization_config') ? 'quantization_config' : 'compression_config';
  const fields = top.fields(member);
  if (!fields) return top.refusal(member, known, hint);
  const method = fields.string('quant_method');
  const what = method !== undefined && Object.hasOwn(methods, method) ? `${methods[method]} are not read; ` : '';
  return fields.refusal('quant_method', `${what}${known}`, hint);
}
