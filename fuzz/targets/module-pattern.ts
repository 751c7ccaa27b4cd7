import { QuantizationConfig } from '../../quant/checkpoint/compressed-tensors/quantization-config.ts';
import { isJsonObject, parseJson } from '../../quant/checkpoint/strict-json.ts';
import { CONFIG_LIMITS } from '../../quant/checkpoint/hf-config.ts';
import { textMutator } from '../mutate/text-mutator.ts';
import { check, type Target } from '../target.ts';
import { fileOf } from './file-of.ts';

const FILE = 'pattern.txt';

const words = [
  '(', ')', '(?:', '(?=', '(?!', '(?<=a)', '(?P<n>a)', '\\1', '|', '*', '+', '?', '*?', '{2}', '{2,}', '{,3}', '{1,65536}',
  '{1,', '[', ']', '[^', '[a-z]', '[z-a]', '[]a]', '\\d', '\\W', '\\b', '\\B', '\\A', '\\Z', '^', '$', '.', '.*', '(a*)*',
  '(a|a)*', '(.*)*x', '\\x41', '\\u0041', '\\N{DASH}', '(?i)', '(?#x)', '\\', '\n',
]; // prettier-ignore

const modules = ['lm_head', 'model.layers.0.mlp.down_proj', 'model.layers.10.self_attn.q_proj', 'a'.repeat(300)];

/** A pattern of Python among the modules that config.json leaves float: time of matching has its limit. */
export const modulePattern: Target = {
  name: 'module-pattern',
  files: { [FILE]: textMutator(words) },
  run: (input) => {
    const ignore = [`re:${Buffer.from(fileOf(input, FILE)).toString()}`];
    const scheme = { targets: ['Linear'], weights: { num_bits: 4, strategy: 'group', group_size: 32 } };
    const document = {
      quantization_config: {
        quant_method: 'compressed-tensors',
        format: 'pack-quantized',
        config_groups: { group_0: scheme },
        ignore,
      },
    };
    const config = parseJson(Buffer.from(JSON.stringify(document)), FILE, CONFIG_LIMITS);
    check(isJsonObject(config), 'it is no object');
    if (!isJsonObject(config)) return;
    const quantization = new QuantizationConfig(config);
    for (const path of modules) quantization.schemeOf({ path, classes: ['Linear', 'Module'] });
  },
};
