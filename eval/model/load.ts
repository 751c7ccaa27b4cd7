import { setImmediate } from 'node:timers/promises';
import type { Backend, Tensor } from '../../kernels/backend.ts';
import { EMBEDDING_NAME, HEAD_MODULE, mlpNorm } from '../../quant/checkpoint/architecture.ts';
import { checkTensors } from '../../quant/checkpoint/check-tensors.ts';
import type { Checkpoint } from '../../quant/checkpoint/checkpoint.ts';
import { readQuantization } from '../../quant/checkpoint/compressed-tensors-parse.ts';
import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { checkTiedHead } from '../../quant/checkpoint/tied-head.ts';
import { UsageError } from '../../quant/errors.ts';
import type { Configuration } from './configurations.ts';
import type { DecoderWeights, LayerWeights } from './decoder-weights.ts';
import { DecoderModel } from './model.ts';
import { WeightLoader } from './weight-loader.ts';

/**
 * Loads a model onto a backend, tensor by tensor, so that at most one float weight exists beside those that are loaded.
 * The linear layers of a float checkpoint are quantized as the configuration says; embedding and head stay float. A
 * converted checkpoint has its own scheme, and can only be loaded as it is stored.
 *
 * @throws UsageError `E_ALREADY_QUANTIZED`; InputError `E_TENSOR_*`, `E_HEAD_NOT_TIED`, `E_NON_FINITE_WEIGHT`, `E_CONFIG_*`
 */
export async function loadModel(
  checkpoint: Checkpoint,
  config: ModelConfig,
  backend: Backend,
  configuration: Configuration,
): Promise<DecoderModel> {
  const stored = readQuantization(config.raw);
  if (stored && configuration.kind !== 'stored') {
    throw new UsageError(
      `${checkpoint.folder} is quantized (${stored.mode}) and cannot be made ${configuration.name}`,
      {
        code: 'E_ALREADY_QUANTIZED',
        hint: 'start from the float checkpoint',
        details: { file: checkpoint.folder, mode: stored.mode, configuration: configuration.name },
      },
    );
  }
  checkTensors(config, checkpoint.tensors, stored);
  checkTiedHead(config, checkpoint);
  const loader = new WeightLoader(checkpoint, backend, { configuration, stored, gainOffset: config.gainOffset });
  try {
    return new DecoderModel(backend, config, await loadWeights(loader, config));
  } catch (error) {
    for (const handle of loader.handles) backend.release(handle);
    throw error;
  }
}

async function loadWeights(loader: WeightLoader, config: ModelConfig): Promise<DecoderWeights> {
  const embedding = loader.dense(EMBEDDING_NAME);
  const layers: LayerWeights[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    layers.push(loadLayer(loader, config, `model.layers.${layer}`));
    // Lets signals through.
    await setImmediate();
  }
  const norm = loader.gain('model.norm');
  const head = config.tieWordEmbeddings ? embedding : loader.head(HEAD_MODULE);
  return { embedding, layers, norm, head, handles: loader.handles, bytes: loader.bytes };
}

function loadLayer(loader: WeightLoader, config: ModelConfig, prefix: string): LayerWeights {
  const attention = `${prefix}.self_attn`;
  const norm = (module: string): Tensor => loader.gain(`${prefix}.${module}`);
  const headNorm = (name: string): Tensor | undefined => (config.qkNorm ? norm(`self_attn.${name}`) : undefined);
  const outputNorm = (name: string): Tensor | undefined => (config.outputNorms ? norm(name) : undefined);
  return {
    inputNorm: norm('input_layernorm'),
    query: loader.linear(`${attention}.q_proj`, config.qkvBias),
    key: loader.linear(`${attention}.k_proj`, config.qkvBias),
    value: loader.linear(`${attention}.v_proj`, config.qkvBias),
    queryNorm: headNorm('q_norm'),
    keyNorm: headNorm('k_norm'),
    output: loader.linear(`${attention}.o_proj`, config.outputBias),
    attentionOutputNorm: outputNorm('post_attention_layernorm'),
    mlpNorm: norm(mlpNorm(config)),
    gate: loader.linear(`${prefix}.mlp.gate_proj`, config.mlpBias),
    up: loader.linear(`${prefix}.mlp.up_proj`, config.mlpBias),
    down: loader.linear(`${prefix}.mlp.down_proj`, config.mlpBias),
    mlpOutputNorm: outputNorm('post_feedforward_layernorm'),
  };
}
