import { modelTensors, type ModelTensor } from '../architecture.ts';
import { isGemma } from '../families.ts';
import type { ModelConfig } from '../hf-config.ts';
import { listed, quoted } from '../quoted.ts';
import type { StoredCodes, StoredTensor } from '../stored-model.ts';
import { isWeightDtype, weightDtypes } from '../weight-dtype.ts';
import { blockFormatOf, blockFormats } from './block-formats.ts';
import { failGguf } from './failure.ts';
import type { GgufFile } from './gguf-file.ts';
import { readCodes, readFloats } from './read-tensor.ts';
import { unpairedRows, type RowOrder } from './row-order.ts';
import type { GgufTensor } from './tensor-infos.ts';
import { ggufName, isIgnored } from './tensor-names.ts';

/**
 * Every tensor of the model, by its name in the float layout. Rows of q and k are brought into Hugging Face's order, and
 * Gemma's norms get back the 1 that converters add.
 *
 * @throws InputError `E_GGUF_TENSOR_MISSING`, `E_GGUF_TENSOR_UNKNOWN`, `E_GGUF_TENSOR_SHAPE`, `E_GGUF_TENSOR_TYPE`
 */
export function storedTensors(
  file: GgufFile,
  tensors: ReadonlyMap<string, GgufTensor>,
  config: ModelConfig,
): ReadonlyMap<string, StoredTensor> {
  const expected = modelTensors(config).map((tensor) => ({ tensor, stored: ggufName(tensor, config.family) }));
  const missing = expected.filter(({ stored }) => !tensors.has(stored)).map(({ stored }) => stored);
  if (missing.length > 0) {
    const message = `${missing.length} tensors of the model are missing: ${listed(missing, 3)}`;
    failGguf(file.name, 'E_GGUF_TENSOR_MISSING', message, { tensors: missing.slice(0, 3) });
  }
  refuseUnknown(file, tensors, new Set(expected.map(({ stored }) => stored)));
  return new Map(
    expected.flatMap(({ tensor, stored }) => {
      const found = tensors.get(stored);
      return found ? [[tensor.name, storedTensor(file, tensor, found, config)] as const] : [];
    }),
  );
}

/** A tensor without a place in the model would change its arithmetic: a norm, an expert, a scale. */
function refuseUnknown(file: GgufFile, tensors: ReadonlyMap<string, GgufTensor>, known: ReadonlySet<string>): void {
  const unknown = [...tensors.keys()].filter((name) => !known.has(name) && !isIgnored(name));
  if (unknown.length === 0) return;
  const message = `${unknown.length} tensors have no place in a model of this architecture: ${listed(unknown, 3)}`;
  failGguf(file.name, 'E_GGUF_TENSOR_UNKNOWN', message, { tensors: unknown.slice(0, 3) });
}

function storedTensor(file: GgufFile, expected: ModelTensor, found: GgufTensor, config: ModelConfig): StoredTensor {
  checkShape(file, expected, found);
  const format = blockFormatOf(found.typeName);
  checkType(file, expected, found);
  const order = rowOrder(expected, config);
  const codes: StoredCodes | undefined = format && {
    kind: format.kind,
    bits: format.bits,
    groupSize: format.groupSize,
    quantizesActivations: false,
    exact: true,
    read: () => readCodes(file, found, order),
  };
  const offset = expected.role === 'norm' && isGemma(config.family) ? 1 : 0;
  return {
    name: expected.name,
    shape: expected.shape,
    stored: found.typeName,
    file: file.name,
    bytes: found.bytes,
    dtype: isWeightDtype(found.typeName) ? found.typeName : 'F16',
    codes,
    inFile: order || offset !== 0 ? undefined : valuesInFile(file, found),
    readFloats: () => {
      const values = readFloats(file, found, order);
      return offset === 0 ? values : values.map((value) => value - offset);
    },
  };
}

/** Floats that stand in the file just as the float layout has them. */
function valuesInFile(file: GgufFile, tensor: GgufTensor): StoredTensor['inFile'] {
  const { typeName, bytes } = tensor;
  if (!isWeightDtype(typeName)) return undefined;
  return {
    path: file.path,
    offset: file.header.dataStart + tensor.offset,
    bytes,
    checkUnchanged: () => {
      file.checkUnchanged();
    },
    read: () => {
      if (typeName === 'F32') return readFloats(file, tensor);
      const patterns = new Uint16Array(bytes / Uint16Array.BYTES_PER_ELEMENT);
      file.readTensor(tensor, new Uint8Array(patterns.buffer), 0);
      return patterns;
    },
  };
}

function checkShape({ name: file }: GgufFile, expected: ModelTensor, { name, shape }: GgufTensor): void {
  if (shape.length === expected.shape.length && shape.every((length, i) => length === expected.shape[i])) return;
  const from = expected.dimensions.map((each) => each.from).join(', ');
  failGguf(
    file,
    'E_GGUF_TENSOR_SHAPE',
    `tensor ${quoted(name)} has shape [${shape.join(', ')}]; expected [${expected.shape.join(', ')}] (${from})`,
    { tensor: name, value: shape.join('x'), limit: expected.shape.join('x') },
  );
}

/** Norms and biases are floats; blocks have the rows of a matrix. */
function checkType({ name: file }: GgufFile, { role }: ModelTensor, { name, typeName }: GgufTensor): void {
  const isVector = role === 'norm' || role === 'bias';
  const known: string[] = [...weightDtypes, ...(isVector ? [] : blockFormats.map((format) => format.name))];
  if (known.includes(typeName)) return;
  failGguf(
    file,
    'E_GGUF_TENSOR_TYPE',
    `tensor ${quoted(name)} is ${typeName}, which is not read${isVector ? ' for a vector' : ''}; known: ${known.join(', ')}`,
    { tensor: name, value: typeName },
  );
}

const turned = /\.self_attn\.[qk]_proj\.(?:weight|bias)$/;

function rowOrder({ name }: ModelTensor, { family, headDim }: ModelConfig): RowOrder | undefined {
  return (family === 'llama' || family === 'mistral') && turned.test(name) ? unpairedRows(headDim) : undefined;
}
