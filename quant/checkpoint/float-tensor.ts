import { modelTensors } from './architecture.ts';
import { checkTensors } from './check-tensors.ts';
import type { Checkpoint, TensorEntry } from './checkpoint.ts';
import type { ModelConfig } from './hf-config.ts';
import type { StoredTensor } from './stored-model.ts';
import type { WeightDtype } from './weight-dtype.ts';

/** A tensor of a safetensors file that holds F32, F16 or BF16. */
type FloatEntry = TensorEntry & { dtype: WeightDtype };

const isFloat = (entry: TensorEntry): entry is FloatEntry =>
  entry.dtype === 'F32' || entry.dtype === 'F16' || entry.dtype === 'BF16';

/**
 * The tensors of a float checkpoint: those of the model, in its order, then the other floats.
 *
 * @throws InputError `E_TENSOR_*`
 */
export function readFloatTensors(
  checkpoint: Checkpoint,
  config: ModelConfig,
): { tensors: ReadonlyMap<string, StoredTensor>; warnings: readonly string[] } {
  const warnings = checkTensors(config, checkpoint.tensors);
  const names = new Set([...modelTensors(config).map(({ name }) => name), ...checkpoint.tensors.keys()]);
  const entries = [...names].flatMap((name) => checkpoint.tensors.get(name) ?? []).filter(isFloat);
  return { tensors: new Map(entries.map((entry) => [entry.name, floatTensor(checkpoint, entry)])), warnings };
}

/**
 * The tensor with its values where they stand, if the file holds just those: in its own dtype and shape, under its own
 * name. Others stay as they are.
 */
export function withValuesInFile(checkpoint: Checkpoint, tensor: StoredTensor): StoredTensor {
  const entry = checkpoint.tensors.get(tensor.name);
  if (tensor.codes || tensor.inFile || !entry || !isFloat(entry) || entry.dtype !== tensor.dtype) return tensor;
  const isAlike =
    entry.shape.length === tensor.shape.length && entry.shape.every((n, axis) => n === tensor.shape[axis]);
  return isAlike ? { ...tensor, inFile: valuesInFile(checkpoint, entry) } : tensor;
}

function floatTensor(checkpoint: Checkpoint, entry: FloatEntry): StoredTensor {
  const { name, shape, dtype, file, bytes } = entry;
  return {
    name,
    shape,
    stored: dtype,
    file,
    bytes,
    dtype,
    codes: undefined,
    inFile: valuesInFile(checkpoint, entry),
    readFloats: () => checkpoint.readFloats(entry),
  };
}

function valuesInFile(checkpoint: Checkpoint, entry: FloatEntry): StoredTensor['inFile'] {
  const path = checkpoint.files.find(({ name }) => name === entry.file)?.path;
  if (path === undefined) throw new RangeError(`${entry.file} is no file of ${checkpoint.folder}`);
  return {
    path,
    offset: entry.offset,
    bytes: entry.bytes,
    checkUnchanged: () => {
      checkpoint.checkUnchanged(entry);
    },
    read: () => {
      if (entry.dtype === 'F32') return checkpoint.readFloats(entry);
      const { buffer, byteOffset, byteLength } = checkpoint.readBytes(entry);
      return new Uint16Array(buffer, byteOffset, byteLength / Uint16Array.BYTES_PER_ELEMENT);
    },
  };
}
