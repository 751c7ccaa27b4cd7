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
  /** Query, key, value and attended as the attention sees them. */
  attention: Record<'query' | 'key' | 'value' | 'attended', Tensor>;
  /** `[rows, intermediateSize]`, like `up`. */
  gate: Tensor;
  up: Tensor;
  release: () => void;
}

/**
 * @param apart whether each row is of a sequence of its own, all of them at the same position: to the attention they are
 * one row, with the heads of all
 */
export function allocateScratch(backend: Backend, config: ModelConfig, rows: number, apart = false): Scratch {
  const { hiddenSize, heads, kvHeads, headDim, intermediateSize } = config;
  const handles: Tensor[] = [];
  const keep = (tensor: Tensor): Tensor => {
    handles.push(tensor);
    return tensor;
  };
  const allocate = (columns: number): Tensor => keep(backend.allocate(rows, columns));
  const query = allocate(heads * headDim);
  const key = allocate(kvHeads * headDim);
  const value = allocate(kvHeads * headDim);
  const attended = allocate(heads * headDim);
  const seen = (tensor: Tensor): Tensor => (apart ? keep(backend.view(tensor, 1, rows * tensor.columns)) : tensor);
  return {
    rows,
    hidden: allocate(hiddenSize),
    normed: allocate(hiddenSize),
    branch: allocate(hiddenSize),
    query,
    attended,
    key,
    value,
    queryHeads: keep(backend.view(query, rows * heads, headDim)),
    keyHeads: keep(backend.view(key, rows * kvHeads, headDim)),
    attention: { query: seen(query), key: seen(key), value: seen(value), attended: seen(attended) },
    gate: allocate(intermediateSize),
    up: allocate(intermediateSize),
    release: () => {
      for (const handle of handles) backend.release(handle);
    },
  };
}
