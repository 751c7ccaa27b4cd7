import type { DenseWeight, WeightSource } from '../../kernels/weight-kinds.ts';
import type { LinearAlgebra } from '../../kernels/linear-algebra.ts';
import { storageFormat } from '../checkpoint/compressed-tensors.ts';
import type { ReadCodes } from '../checkpoint/stored-model.ts';
import type { StageStatistics, StageVisitor, StageWeight, StatisticsNeeds } from '../methods/calibration.ts';
import { compensate } from '../methods/compensation.ts';
import { gptq } from '../methods/gptq.ts';
import { prepareHessian, type PreparedHessian } from '../methods/hessian.ts';
import type { GptqRounding } from '../methods/treatment.ts';
import { symmetricAsAffine } from '../schemes/symmetric-as-affine.ts';
import type { LinearWriter, PlannedLinear } from './linear-writer.ts';
import { roundToNearest } from './nearest-pass.ts';

export interface GptqPass {
  rounding: GptqRounding;
  linears: LinearWriter;
  algebra: LinearAlgebra;
  signal: AbortSignal;
  onWarning: (text: string) => void;
}

export const gptqNeeds = ({ compensation }: GptqRounding): StatisticsNeeds => ({
  hessian: true,
  cross: compensation > 0,
  inputRows: 0,
});

/**
 * Quantizes the layers of a stage by GPTQ, writes them, and puts them in the place of the float ones, so that what comes
 * after is calibrated with what it will meet. Layers that stay float stay in their place.
 */
export function gptqVisitor(pass: GptqPass): StageVisitor {
  const { linears, rounding, algebra } = pass;
  return async ({ layer, stage, statistics, weights }) => {
    if (!weights.some(({ module }) => linears.find(module))) return undefined;
    const { hessian } = statistics;
    if (!hessian) throw new RangeError('GPTQ needs Hessians');
    const columns = weights[0].inFeatures;
    const prepared = await prepareHessian({ columns, values: hessian }, rounding, algebra);
    if (!prepared) {
      pass.onWarning(
        `layer ${layer}, ${stage}: the Hessian has no Cholesky factor; its weights are rounded to nearest`,
      );
    }
    const sources: WeightSource[] = [];
    for (const weight of weights) {
      const linear = linears.find(weight.module);
      if (!linear) {
        sources.push(denseSource(weight));
        continue;
      }
      const codes = prepared
        ? await solve(weight, linear, prepared, statistics, pass)
        : roundToNearest(weight.values, linear);
      sources.push(quantizedSource(weight, linear, linears.write(linear, codes)));
    }
    return sources;
  };
}

async function solve(
  { values, outFeatures }: StageWeight,
  { scheme }: PlannedLinear,
  hessian: PreparedHessian,
  { cross, residual }: StageStatistics,
  { rounding, algebra, signal }: GptqPass,
): Promise<ReadCodes> {
  const weight = Float64Array.from(values);
  const errors = residual ? { residual } : cross && { cross };
  if (errors) await compensate(weight, outFeatures, hessian, errors, rounding.compensation, algebra, signal);
  return { kind: 'symmetric', ...(await gptq(weight, outFeatures, hessian, scheme, algebra, { ...rounding, signal })) };
}

function denseSource({ outFeatures, inFeatures, values, bias }: StageWeight): DenseWeight {
  return { kind: 'dense', dtype: 'F32', outFeatures, inFeatures, data: values, bias };
}

function quantizedSource(weight: StageWeight, { mode, scheme }: PlannedLinear, stored: ReadCodes): WeightSource {
  const { outFeatures, inFeatures, bias } = weight;
  const { bits, groupSize } = scheme;
  const weightOf = { outFeatures, inFeatures, bits, groupSize, bias };
  if (stored.kind === 'affine') return { ...weightOf, ...stored };
  const integer = { ...weightOf, ...stored, kind: 'integer' } as const;
  return storageFormat(mode) === 'int-quantized' ? integer : symmetricAsAffine(integer);
}
