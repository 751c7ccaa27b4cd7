import { modelTensors } from './architecture.ts';
import { checkTensors } from './check-tensors.ts';
import type { Checkpoint, TensorEntry, WeightSource } from './checkpoint.ts';
import type { ModelConfig } from './hf-config.ts';
import type { StoredTensor } from './stored-model.ts';
import { isWeightDtype, type WeightDtype } from './weight-dtype.ts';

/** A tensor of a safetensors file that holds F32, F16 or BF16. */
type FloatEntry = TensorEntry & { dtype: WeightDtype };

const isFloat = (entry: TensorEntry): entry is FloatEntry => isWeightDtype(entry.dtype);

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

/** A tensor that a quantized checkpoint holds as floats, as `checkTensors` found it. */
export function findFloatTensor(checkpoint: WeightSource & Pick<Checkpoint, 'tensors'>, name: string): StoredTensor {
  const entry = checkpoint.tensors.get(name);
  if (!entry || !isFloat(entry)) throw new RangeError(`${name} is no float tensor of the checkpoint`);
  return floatTensor(checkpoint, entry);
}

function floatTensor(checkpoint: WeightSource, entry: FloatEntry): StoredTensor {
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

function valuesInFile(checkpoint: WeightSource, entry: FloatEntry): StoredTensor['inFile'] {
  const path = checkpoint.files.find(({ name }) => name === entry.file)?.path;
  if (path === undefined) throw new RangeError(`${entry.file} is no file of the checkpoint`);
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
