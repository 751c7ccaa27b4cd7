import { StatisticsFile } from '../../eval/calibration/saved-statistics.ts';
import { parseModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { stages } from '../../quant/methods/calibration.ts';
import { FOLDER, memoryFiles } from '../../testing/memory-file-system.ts';
import { safetensorsMutator } from '../mutate/safetensors-mutator.ts';
import { check, type Target } from '../target.ts';

const FILE = 'statistics.safetensors';

const config = parseModelConfig(
  Buffer.from(
    JSON.stringify({
      model_type: 'llama',
      vocab_size: 8,
      hidden_size: 4,
      intermediate_size: 6,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      head_dim: 2,
    }),
  ),
);

/** What `--save-stats` wrote, or somebody else. */
export const statistics: Target = {
  name: 'statistics',
  files: { [FILE]: safetensorsMutator },
  run: (input) => {
    const file = new StatisticsFile(`${FOLDER}/${FILE}`, config, memoryFiles(input));
    try {
      for (const stage of stages) {
        check(
          file.read(0, stage).absmax.every((value) => value >= 0 && value < Infinity),
          'a magnitude is none',
        );
      }
    } finally {
      file.close();
    }
  },
};
