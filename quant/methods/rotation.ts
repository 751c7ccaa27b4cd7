import type { LinearAlgebra } from '../../kernels/linear-algebra.ts';
import { Random } from '../../kernels/verify/random.ts';
import { EMBEDDING_NAME } from '../checkpoint/architecture.ts';
import type { ModelConfig } from '../checkpoint/hf-config.ts';
import { UsageError } from '../errors.ts';
import type { FloatModel } from './float-model.ts';
import { layerPath, tensorFinder, type LayerTensor } from './model-tensor.ts';
import { orthogonalMatrix, type OrthogonalMatrix } from './orthogonal-matrix.ts';
import { rotateBlock, rotateMatrix, type FloatMatrix } from './rotate-block.ts';

export interface RotationOptions {
  /** Of which 32 bits count. */
  seed: number;
  algebra: LinearAlgebra;
}

/**
 * Refuses models in which gains stand between the output of a branch and the residual stream: they multiply channels
 * that a rotation would mix.
 *
 * @throws UsageError `E_NOT_ROTATABLE`
 */
export function checkRotatable({ family, outputNorms }: Pick<ModelConfig, 'family' | 'outputNorms'>): void {
  if (!outputNorms) return;
  const norm = 'post_attention_layernorm';
  throw new UsageError(
    `${family} models cannot be rotated: ${norm} multiplies channels of the attention's output before it is added to the residual stream`,
    { code: 'E_NOT_ROTATABLE', hint: 'smoothing and GPTQ work without a rotation', details: { family, norm } },
  );
}

/**
 * R1: the rotated model's residual stream, `[rows, hiddenSize]`, is the original's times this matrix.
 *
 * @param config of the model, rotated or not
 */
export function residualRotation(
  { hiddenSize }: Pick<ModelConfig, 'hiddenSize'>,
  { seed, algebra }: RotationOptions,
): Promise<OrthogonalMatrix> {
  return orthogonalMatrix(hiddenSize, rotationSeeds(seed, 1)[0], algebra);
}

/** That of R1, then those of R2 by layer and key-value head. */
function rotationSeeds(seed: number, count: number): Int32Array {
  const random = new Random(seed);
  return Int32Array.from({ length: count }, () => random.bits());
}

/**
 * The model with its residual stream rotated by R1, and the values of each key-value head by an R2 of its own, which
 * spreads outliers over all channels (QuaRot, arXiv 2404.00456; the names are those of SpinQuant, arXiv 2405.16406).
 * Gains of norms on the residual stream go into the layers after them. Each weight is computed in f64 and rounded once.
 *
 * The head is no longer the embedding: `config.tieWordEmbeddings` is false, and `lm_head.weight` can be read. (The
 * text of config.json in `config.raw` and `config.text` is as before.)
 *
 * @throws UsageError `E_NOT_ROTATABLE`
 */
export async function rotatedModel(model: FloatModel, options: RotationOptions): Promise<FloatModel> {
  checkRotatable(model.config);
  return new RotatedModel(model, await residualRotation(model.config, options), options);
}

class RotatedModel implements FloatModel {
  readonly config: ModelConfig;
  readonly #source: FloatModel;
  readonly #residual: OrthogonalMatrix;
  readonly #algebra: LinearAlgebra;
  /** By layer and key-value head. */
  readonly #valueSeeds: Int32Array;
  readonly #find: (name: string) => LayerTensor;

  constructor(source: FloatModel, residual: OrthogonalMatrix, { seed, algebra }: RotationOptions) {
    this.config = { ...source.config, tieWordEmbeddings: false };
    this.#source = source;
    this.#residual = residual;
    this.#algebra = algebra;
    this.#valueSeeds = rotationSeeds(seed, 1 + source.config.layers * source.config.kvHeads).subarray(1);
    this.#find = tensorFinder(this.config);
  }

  async read(name: string): Promise<Float32Array> {
    const tensor = this.#find(name);
    if (tensor.part === 'lm_head') return this.#readHead(name);
    const values = await this.#source.read(name);
    const { part, role, layer = 0, shape } = tensor;
    // A bias is the only row of a matrix.
    const [rows, columns] = role === 'bias' ? [1, ...shape] : shape;
    await this.#rotate({ values, rows, columns }, part, layer, role === 'bias');
    return values;
  }

  async #readHead(name: string): Promise<Float32Array> {
    const { tieWordEmbeddings, vocabSize: rows, hiddenSize: columns } = this.#source.config;
    const values = await this.#source.read(tieWordEmbeddings ? EMBEDDING_NAME : name);
    const gain = await this.#gain('model.norm');
    await rotateMatrix({ values, rows, columns }, { gain, right: this.#residual });
    return values;
  }

  async #rotate(target: FloatMatrix, part: string, layer: number, isBias: boolean): Promise<void> {
    const residual = this.#residual;
    switch (part) {
      case 'model.embed_tokens':
        return rotateMatrix(target, { right: residual });
      case 'input_layernorm':
      case 'post_attention_layernorm':
      case 'model.norm':
        target.values.fill(1 - this.config.gainOffset);
        return;
      case 'self_attn.q_proj':
      case 'self_attn.k_proj':
        if (isBias) return;
        return rotateMatrix(target, { gain: await this.#layerGain(layer, 'input_layernorm'), right: residual });
      case 'self_attn.v_proj':
        return this.#rotateValues(target, layer, isBias);
      case 'self_attn.o_proj':
        return isBias ? rotateMatrix(target, { right: residual }) : this.#rotateAttended(target, layer);
      case 'mlp.gate_proj':
      case 'mlp.up_proj':
        if (isBias) return;
        return rotateMatrix(target, {
          gain: await this.#layerGain(layer, 'post_attention_layernorm'),
          right: residual,
        });
      case 'mlp.down_proj':
        return rotateMatrix(target, isBias ? { right: residual } : { left: residual });
    }
  }

  /** What v_proj computes, head by head. */
  async #rotateValues(target: FloatMatrix, layer: number, isBias: boolean): Promise<void> {
    const { headDim, kvHeads } = this.config;
    const gain = isBias ? undefined : await this.#layerGain(layer, 'input_layernorm');
    for (let head = 0; head < kvHeads; head++) {
      const values = await this.#valueRotation(layer, head);
      const first = head * headDim;
      if (isBias) {
        await rotateBlock(target, { row: 0, column: first, rows: 1, columns: headDim }, { right: values });
      } else {
        const block = { row: first, column: 0, rows: headDim, columns: target.columns };
        await rotateBlock(target, block, { gain, left: values, right: this.#residual });
      }
    }
  }

  /** What o_proj reads: each query head's part is made of values of its key-value head. */
  async #rotateAttended(target: FloatMatrix, layer: number): Promise<void> {
    const { headDim, heads, kvHeads } = this.config;
    for (let head = 0; head < heads; head++) {
      const right = await this.#valueRotation(layer, Math.floor((head * kvHeads) / heads));
      const block = { row: 0, column: head * headDim, rows: target.rows, columns: headDim };
      await rotateBlock(target, block, { left: this.#residual, right });
    }
  }

  /** R2. */
  #valueRotation(layer: number, head: number): Promise<OrthogonalMatrix> {
    const { headDim, kvHeads } = this.config;
    return orthogonalMatrix(headDim, this.#valueSeeds[layer * kvHeads + head], this.#algebra);
  }

  #layerGain(layer: number, norm: string): Promise<Float32Array> {
    return this.#gain(`${layerPath(layer)}.${norm}`);
  }

  /** As the norm multiplies by it: what is stored and the offset, added in f32. */
  async #gain(module: string): Promise<Float32Array> {
    const stored = await this.#source.read(`${module}.weight`);
    return stored.map((value) => value + this.config.gainOffset);
  }
}
