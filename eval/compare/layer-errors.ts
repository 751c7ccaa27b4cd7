import type { Backend, Tensor } from '../../kernels/backend.ts';
import type { DecoderModel } from '../model/model.ts';
import type { Window } from '../perplexity/protocol.ts';
import { energies, OutputErrorAccumulator, type OutputError } from './output-error.ts';

/** What a layer makes of the same tokens in two models. */
export interface LayerError {
  /** The residual stream after the layer, with the errors of all layers before it. */
  hidden: OutputError;
  /** What attention adds to it. */
  attention: OutputError;
  /** What the MLP adds to it. */
  mlp: OutputError;
}

export const outputKinds = ['hidden', 'attention', 'mlp'] as const;

/**
 * Takes residual streams `[rows, hiddenSize]` of a checkpoint back to the basis of the one that it was made from, where
 * those of a rotated model have another one. It may write to its argument.
 */
export type ToOriginalBasis = (hidden: Float32Array) => Promise<Float32Array>;

/** A model on the common backend. */
export interface ObservedModel {
  model: DecoderModel;
  toOriginalBasis?: ToOriginalBasis | undefined;
}

export interface LayerErrorRequest {
  /** What the other one should give. */
  first: ObservedModel;
  /** With as many layers, as wide. */
  other: ObservedModel;
  windows: readonly Window[];
  backend: Backend;
}

export interface LayerErrorHooks {
  signal: AbortSignal;
  /** After each window. */
  onWindow: () => void;
}

/** Embeddings are copied, or rounded at most: what differs by more than this share of its norm has another basis. */
const MAX_EMBEDDING_DIFFERENCE = 0.5;

/**
 * Compares all layers over some windows. Both models compute in turns, output by output, so that one output of each is in
 * memory.
 *
 * @returns by layer; undefined if the models do not start from the same embeddings, and nothing can be said
 */
export async function measureLayerErrors(
  { first, other, windows, backend }: LayerErrorRequest,
  { signal, onWindow }: LayerErrorHooks,
): Promise<LayerError[] | undefined> {
  const { layers, hiddenSize } = first.model.config;
  const accumulators = Array.from({ length: layers }, () => ({
    hidden: new OutputErrorAccumulator(),
    attention: new OutputErrorAccumulator(),
    mlp: new OutputErrorAccumulator(),
  }));
  const read = async ({ toOriginalBasis }: ObservedModel, values: Tensor): Promise<Float32Array> => {
    const hidden = backend.download(values);
    return toOriginalBasis ? toOriginalBasis(hidden) : hidden;
  };
  for (const { tokenIds } of windows) {
    signal.throwIfAborted();
    const fed = tokenIds.subarray(0, -1);
    const [firstPass, otherPass] = [first.model.layerOutputs(fed), other.model.layerOutputs(fed)];
    try {
      for (;;) {
        const [{ value: x }, { value: y }] = [await firstPass.next(), await otherPass.next()];
        if (!x || !y) break;
        const [expected, actual] = [await read(first, x.values), await read(other, y.values)];
        if (x.kind !== 'embedding') accumulators[x.layer][x.kind].add(expected, actual, hiddenSize);
        else if (!isSameBasis(expected, actual)) return undefined;
      }
    } finally {
      await firstPass.return();
      await otherPass.return();
    }
    onWindow();
  }
  return accumulators.map(({ hidden, attention, mlp }) => ({
    hidden: hidden.result(),
    attention: attention.result(),
    mlp: mlp.result(),
  }));
}

function isSameBasis(expected: Float32Array, actual: Float32Array): boolean {
  const { signal, noise } = energies(expected, actual);
  return noise <= MAX_EMBEDDING_DIFFERENCE ** 2 * signal;
}
