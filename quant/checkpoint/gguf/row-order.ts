/** Row of the float layout that a row of the file belongs to. */
export type RowOrder = (fileRow: number) => number;

/**
 * Undoes what converters do to q_proj and k_proj of architecture `llama`. Hugging Face rotates element i of a head
 * against i + headDim / 2; the file has the two in neighbouring rows, since ggml rotates neighbours. Rows are moved
 * whole, and so are their blocks.
 */
export function unpairedRows(headDim: number): RowOrder {
  return (row) => {
    const inHead = row % headDim;
    return row - inHead + (inHead % 2) * (headDim / 2) + Math.floor(inHead / 2);
  };
}
