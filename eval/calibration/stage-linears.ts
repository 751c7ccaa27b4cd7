import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import type { Stage, StageWeight } from '../../quant/methods/calibration.ts';
import type { FloatModel } from '../../quant/methods/float-model.ts';
import type { LayerLinears } from '../model/decoder-weights.ts';

/** A linear layer of a decoder layer: as the forward pass knows it, and as checkpoints name its module. */
interface StageLinear {
  key: keyof LayerLinears;
  module: string;
}

/** The linear layers that read the inputs of each stage. */
export const stageLinears: Readonly<Record<Stage, readonly StageLinear[]>> = {
  attentionInput: [
    { key: 'query', module: 'self_attn.q_proj' },
    { key: 'key', module: 'self_attn.k_proj' },
    { key: 'value', module: 'self_attn.v_proj' },
  ],
  attentionOutput: [{ key: 'output', module: 'self_attn.o_proj' }],
  mlpInput: [
    { key: 'gate', module: 'mlp.gate_proj' },
    { key: 'up', module: 'mlp.up_proj' },
  ],
  mlpOutput: [{ key: 'down', module: 'mlp.down_proj' }],
};

/** Input channels of a stage: the K of its statistics. */
export function stageColumns(config: ModelConfig, stage: Stage): number {
  switch (stage) {
    case 'attentionInput':
    case 'mlpInput':
      return config.hiddenSize;
    case 'attentionOutput':
      return config.heads * config.headDim;
    case 'mlpOutput':
      return config.intermediateSize;
  }
}

/** Whether the outputs of a stage are added to the residual stream as they are. */
export const isAdded = ({ outputNorms }: ModelConfig, stage: Stage): boolean =>
  !outputNorms && (stage === 'attentionOutput' || stage === 'mlpOutput');

/** The linear layers of a stage, each tensor read once. @throws as `FloatModel.read` */
export async function readStage(model: FloatModel, layer: number, stage: Stage): Promise<StageWeight[]> {
  const inFeatures = stageColumns(model.config, stage);
  const weights: StageWeight[] = [];
  for (const { module: path } of stageLinears[stage]) {
    const module = `model.layers.${layer}.${path}`;
    const values = await model.read(`${module}.weight`);
    const bias = hasBias(model.config, stage) ? await model.read(`${module}.bias`) : undefined;
    weights.push({ module, outFeatures: values.length / inFeatures, inFeatures, values, bias });
  }
  return weights;
}

function hasBias({ qkvBias, outputBias, mlpBias }: ModelConfig, stage: Stage): boolean {
  if (stage === 'attentionInput') return qkvBias;
  return stage === 'attentionOutput' ? outputBias : mlpBias;
}
