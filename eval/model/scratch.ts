import type { Backend, Tensor } from '../../kernels/backend.ts';
import type { ModelConfig } from '../../quant/checkpoint/hf-config.ts';

/** Activations of one forward pass over `rows` tokens, allocated once and used by every layer in turn. */
export interface Scratch {
  rows: number;
  /** The residual stream: `[rows, hiddenSize]`, like `normed` and `branch`. */
  hidden: Tensor;
  normed: Tensor;
  /** Output of attention or MLP before it is added to the stream. */
  branch: Tensor;
  /** `[rows, heads · headDim]`, like `attended`. */
  query: Tensor;
  attended: Tensor;
  /** `[rows, kvHeads · headDim]`, like `value`. */
  key: Tensor;
  value: Tensor;
  /** Query and key with a head a row, for norms over the head dimension. */
  queryHeads: Tensor;
  keyHeads: Tensor;
  /** `[rows, intermediateSize]`, like `up`. */
  gate: Tensor;
  up: Tensor;
  release: () => void;
}

export function allocateScratch(backend: Backend, config: ModelConfig, rows: number): Scratch {
  const { hiddenSize, heads, kvHeads, headDim, intermediateSize } = config;
  const handles: Tensor[] = [];
  const keep = (tensor: Tensor): Tensor => {
    handles.push(tensor);
    return tensor;
  };
  const allocate = (columns: number): Tensor => keep(backend.allocate(rows, columns));
  const query = allocate(heads * headDim);
  const key = allocate(kvHeads * headDim);
  return {
    rows,
    hidden: allocate(hiddenSize),
    normed: allocate(hiddenSize),
    branch: allocate(hiddenSize),
    query,
    attended: allocate(heads * headDim),
    key,
    value: allocate(kvHeads * headDim),
    queryHeads: keep(backend.view(query, rows * heads, headDim)),
    keyHeads: keep(backend.view(key, rows * kvHeads, headDim)),
    gate: allocate(intermediateSize),
    up: allocate(intermediateSize),
    release: () => {
      for (const handle of handles) backend.release(handle);
    },
  };
}
