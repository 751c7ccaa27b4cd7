import { matrix, type LinearAlgebra } from '../kernels/linear-algebra.ts';
import type { ToOriginalBasis } from '../eval/compare/layer-errors.ts';
import type { ModelConfig } from '../quant/checkpoint/hf-config.ts';
import type { FileSystem } from '../quant/file-system.ts';
import { residualRotation } from '../quant/methods/rotation.ts';
import { readManifest } from '../quant/output/manifest.ts';

/** The way back of hidden states of a checkpoint that cider rotated, by the seed that its manifest names. */
export async function toOriginalBasis(
  folder: string,
  config: ModelConfig,
  fileSystem: FileSystem,
  algebra: LinearAlgebra,
): Promise<ToOriginalBasis | undefined> {
  const seed = seedOf(readManifest(fileSystem, folder)?.recipe['rotation']);
  if (seed === undefined) return undefined;
  const rotation = await residualRotation(config, { seed, algebra });
  return async (hidden) => {
    const x = matrix(Float64Array.from(hidden), hidden.length / config.hiddenSize, config.hiddenSize);
    await rotation.undo(x);
    return Float32Array.from(x.data);
  };
}

function seedOf(rotation: unknown): number | undefined {
  if (typeof rotation !== 'object' || rotation === null || !('seed' in rotation)) return undefined;
  return Number.isSafeInteger(rotation.seed) ? (rotation.seed as number) : undefined;
}
