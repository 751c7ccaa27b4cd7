import { modelTensors } from '../../quant/checkpoint/architecture.ts';
import { QuantizationConfig } from '../../quant/checkpoint/compressed-tensors/quantization-config.ts';
import { foreignQuantization } from '../../quant/checkpoint/foreign-quantization.ts';
import { parseModelConfig, type ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { readMlxQuantization } from '../../quant/checkpoint/mlx/parse-quantization.ts';
import { jsonMutator } from '../mutate/json-mutator.ts';
import { check, type Target } from '../target.ts';
import { fileOf } from './file-of.ts';

const FILE = 'config.json';

const words = [
  'LlamaForCausalLM', 'mistral', 'qwen2', 'qwen3', 'gemma2', 'gemma3_text', 'MambaForCausalLM', 'silu', 'gelu',
  'gelu_pytorch_tanh', 'linear', 'dynamic', 'yarn', 'llama3', 'longrope', 'default', 'sliding_attention',
  'full_attention', 'gptq', 'awq', 'bitsandbytes', 'compressed-tensors', 'mlx', 'fp8', 'channel', 'group', 'token',
  'tensor', 'tensor_group', 'block', 'int', 'float', 'int-quantized', 'pack-quantized', 'naive-quantized', 'dense',
  'nvfp4-pack-quantized', 'mixed-precision', 'Linear', 're:.*', 're:(a+)+$', 're:(', 'lm_head', 'static', 'weight',
]; // prettier-ignore

/** Listing the tensors of a model with more layers takes longer than all else. */
const MAX_LAYERS = 4;

/** config.json: the architecture, the scheme of quantization, and the tensors that it asks for. */
export const config: Target = {
  name: 'config',
  files: { [FILE]: jsonMutator(words) },
  run: (input) => {
    const parsed = parseModelConfig(fileOf(input, FILE));
    const quantization = readScheme(parsed);
    if (parsed.layers > MAX_LAYERS) return;
    for (const { shape, module } of modelTensors(parsed)) {
      quantization?.schemeOf({ path: module, classes: ['Linear', 'Module'] });
      check(
        shape.every((length) => Number.isSafeInteger(length) && length > 0),
        'a tensor has no sensible shape',
      );
    }
  },
};

function readScheme(parsed: ModelConfig): QuantizationConfig | undefined {
  switch (parsed.quantization) {
    case undefined:
      return undefined;
    case 'compressed-tensors':
      return new QuantizationConfig(parsed.raw);
    case 'mlx':
      readMlxQuantization(parsed.raw);
      return undefined;
    default:
      throw foreignQuantization(parsed);
  }
}
