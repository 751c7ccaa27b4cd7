import type { Backend, WeightSource } from '../../kernels/backend.ts';
import type { OutputError, StageWeight } from '../../quant/methods/calibration.ts';
import { quantizeRows } from '../../quant/schemes/quantize-rows.ts';
import { groupsPerRow, type WeightScheme } from '../../quant/schemes/scheme.ts';

/**
 * What quantization costs a stage with factors s: `Σ ‖Q(x / s) · Q(W · s)ᵀ - x · Wᵀ‖²` over its weights. The backend
 * multiplies, and quantizes x / s; biases make no difference. Squares as they are, which the tokens with the largest
 * outputs decide: with errors relative to the size of each token SmolLM2 lost more (docs/benchmarks.md, Methods).
 *
 * @param inputs x, `[rows, K]`; at least two rows, as a single one would not be quantized
 */
export function outputErrorOf(
  backend: Backend,
  inputs: Float32Array,
  weights: readonly StageWeight[],
  scheme: WeightScheme,
): OutputError {
  let expected: Promise<Float32Array[]> | undefined;
  return async (factors) => {
    expected ??= products(backend, inputs, weights.map(floatSource));
    const targets = await expected;
    const divided = scaleColumns(
      inputs,
      factors.map((factor) => 1 / factor),
    );
    const rounded = weights.map((weight) => roundedSource(weight, factors, scheme));
    const found = await products(backend, divided, rounded);
    return targets.reduce((error, target, index) => error + squaredDistance(found[index], target), 0);
  };
}

/** `x · Wᵀ` for each weight. */
async function products(
  backend: Backend,
  inputs: Float32Array,
  sources: readonly WeightSource[],
): Promise<Float32Array[]> {
  const columns = sources[0].inFeatures;
  const rows = inputs.length / columns;
  const x = backend.upload(rows, columns, inputs);
  try {
    const results: Float32Array[] = [];
    for (const source of sources) {
      const weight = backend.loadWeight(source);
      const out = backend.allocate(rows, source.outFeatures);
      try {
        await backend.linear(out, x, weight);
        results.push(backend.download(out));
      } finally {
        backend.release(out);
        backend.release(weight);
      }
    }
    return results;
  } finally {
    backend.release(x);
  }
}

const floatSource = ({ outFeatures, inFeatures, values }: StageWeight): WeightSource => ({
  kind: 'dense',
  dtype: 'F32',
  outFeatures,
  inFeatures,
  data: values,
});

function roundedSource(weight: StageWeight, factors: Float32Array, scheme: WeightScheme): WeightSource {
  const { outFeatures: rows, inFeatures: columns, values } = weight;
  const { bits, groupSize } = scheme;
  const data = scaleColumns(values, factors);
  const codes = new Int8Array(rows * columns);
  const scales = new Float32Array(rows * groupsPerRow(columns, groupSize));
  quantizeRows({ dtype: 'F32', data, rows, columns }, scheme, codes, scales);
  return { kind: 'integer', outFeatures: rows, inFeatures: columns, bits, groupSize, codes, scales };
}

/** `out[i, k] = x[i, k] · factors[k]` */
function scaleColumns(x: Float32Array, factors: Float32Array): Float32Array {
  const columns = factors.length;
  const out = new Float32Array(x.length);
  for (let row = 0; row < x.length; row += columns) {
    for (let k = 0; k < columns; k++) out[row + k] = x[row + k] * factors[k];
  }
  return out;
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return sum;
}
