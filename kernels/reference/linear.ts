import type { DecodeMode, IntegerWeight, LinearOptions, Tensor, Weight } from '../backend.ts';
import { breathe } from './breathe.ts';
import { check } from '../check.ts';
import {
  channelEpilogue,
  decodeEpilogue,
  floatEpilogue,
  groupEpilogue,
  type Epilogue,
  type OutputBlock,
} from './epilogue.ts';
import { tileRows } from './inner-products.ts';
import { packPanels, panelElements } from './panel.ts';
import { multiplyPanel } from './product.ts';
import { quantizePerToken } from './quantize-per-token.ts';
import { tensorOf, tensorOfShape } from './tensor.ts';
import { packWeightPanel } from './weight-rows.ts';
import { weightOf, type LoadedWeight } from './weight.ts';

/** Rows that are widened to float64 together: enough to pay for widening the weights, few enough to stay in a cache. */
const ROWS_PER_BLOCK = 512;

/** `out[m, n] = Σ_k x[m, k] · W[n, k] + bias[n]`. */
export async function linear(out: Tensor, x: Tensor, weight: Weight, options: LinearOptions = {}): Promise<void> {
  const input = tensorOf('linear', 'x', x);
  const { source, inFeatures, outFeatures } = weightOf('linear', weight);
  check(
    input.columns === inFeatures,
    'linear',
    `x has ${input.columns} columns, the weight takes ${inFeatures} features`,
  );
  const output = tensorOfShape('linear', 'out', out, input.rows, outFeatures);
  check(output.values !== input.values, 'linear', 'out and x are the same memory');
  await multiplyRows(output.values, input.values, input.rows, source, options.decode ?? 'w8a16');
}

/** The product of the first `rows` rows of x, by the arithmetic that the kind of the weight asks for. */
export async function multiplyRows(
  out: Float32Array,
  x: Float32Array,
  rows: number,
  weight: LoadedWeight,
  decode: DecodeMode,
): Promise<void> {
  const { inFeatures, outFeatures } = weight;
  const integer = weight.kind === 'integer' && (rows > 1 || decode === 'w8a8');
  const panel = new Float64Array(panelElements(tileRows, inFeatures));
  for (let first = 0; first < rows; first += ROWS_PER_BLOCK) {
    const count = Math.min(ROWS_PER_BLOCK, rows - first);
    const block = x.subarray(first * inFeatures, (first + count) * inFeatures);
    const values = out.subarray(first * outFeatures, (first + count) * outFeatures);
    const target = { values, rows: count, columns: outFeatures };
    const { panels, epilogue } = integer
      ? quantizedOperand(block, target, weight)
      : floatOperand(block, target, weight);
    const groupSize = weight.kind === 'integer' ? weight.groupSize : 0;
    for (let column = 0; column < outFeatures; column += tileRows) {
      packWeightPanel(weight, column, panel);
      multiplyPanel(panels, count, panel, inFeatures, groupSize, (row, sums) => {
        epilogue(row, column, sums);
      });
      await breathe();
    }
  }
}

interface Operand {
  panels: Float64Array;
  epilogue: Epilogue;
}

function floatOperand(x: Float32Array, out: OutputBlock, weight: LoadedWeight): Operand {
  const panels = packPanels(x, out.rows, weight.inFeatures);
  const epilogue = weight.kind === 'integer' ? decodeEpilogue(out, weight) : floatEpilogue(out, weight.bias);
  return { panels, epilogue };
}

function quantizedOperand(x: Float32Array, out: OutputBlock, weight: IntegerWeight): Operand {
  const { codes, scales } = quantizePerToken(x, out.rows, weight.inFeatures);
  const panels = packPanels(codes, out.rows, weight.inFeatures);
  const epilogueOf = weight.groupSize === 0 ? channelEpilogue : groupEpilogue;
  return { panels, epilogue: epilogueOf(out, weight, scales) };
}
