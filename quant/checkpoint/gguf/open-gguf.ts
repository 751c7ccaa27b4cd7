import { CiderError } from '../../errors.ts';
import { nodeFileSystem, type FileSystem } from '../../file-system.ts';
import { parseModelConfig, type ModelConfig } from '../hf-config.ts';
import { listed } from '../quoted.ts';
import type { StoredModel, StoredTensor } from '../stored-model.ts';
import { elementCount } from '../tensor-size.ts';
import { configDocument } from './config-document.ts';
import { ggufDocuments } from './documents.ts';
import { failGguf } from './failure.ts';
import { readArchitecture } from './families.ts';
import { GgufFile } from './gguf-file.ts';
import { GgufMetadata } from './metadata.ts';
import { readFloats } from './read-tensor.ts';
import { storedTensors } from './stored-tensors.ts';

/**
 * Opens a GGUF file as a model: its tensors in the float layout of Hugging Face, its metadata as the documents that
 * stand beside such weights. Tensors are read when they are asked for, one at a time; `close` ends it.
 *
 * @throws NotFoundError, ResourceError; InputError `E_NOT_A_FILE`, `E_GGUF_*`
 */
export function openGguf(path: string, fileSystem: FileSystem = nodeFileSystem): StoredModel {
  const file = new GgufFile(path, fileSystem);
  try {
    return modelOf(file);
  } catch (error) {
    file.close();
    throw error;
  }
}

function modelOf(file: GgufFile): StoredModel {
  const { name, path, bytes, mtimeMs, header } = file;
  const metadata = new GgufMetadata(name, header.metadata);
  const architecture = readArchitecture(metadata);
  const byName = new Map(header.tensors.map((tensor) => [tensor.name, tensor]));
  const document = configDocument({
    metadata,
    architecture,
    tensors: byName,
    readFloats: (tensor) => readFloats(file, tensor),
  });
  const configText = Buffer.from(JSON.stringify(document, null, 2));
  const config = parseConfig(configText, name);
  const tensors = storedTensors(file, byName, config);
  const quantized = quantizedTypes([...tensors.values()]);
  const documents = ggufDocuments(metadata, configText);
  const unasked = metadata.unasked(`${architecture.name}.`);
  return {
    format: 'gguf',
    path,
    config,
    scheme: quantized.length === 0 ? undefined : quantized.join(', '),
    rowName: quantized.length === 0 ? undefined : `gguf-${quantized[0]}`,
    files: [{ name, path, bytes, mtimeMs, metadata: new Map() }],
    tensors,
    documents,
    warnings: unasked.length === 0 ? [] : [`${name}: what these keys mean is not known: ${listed(unasked)}`],
    checkUnchanged: () => {
      file.checkUnchanged();
    },
    close: () => {
      file.close();
    },
  };
}

/** Metadata that make no model are a fault of the GGUF file, not of a config.json that nobody has seen. */
function parseConfig(text: Uint8Array, file: string): ModelConfig {
  try {
    return parseModelConfig(text);
  } catch (error) {
    if (!(error instanceof CiderError)) throw error;
    return failGguf(file, 'E_GGUF_CONFIG', `the metadata describe no model that is known: ${error.message}`, {
      ...error.details,
    });
  }
}

/** Types of the quantized weights, the one with the most elements first. */
function quantizedTypes(tensors: readonly StoredTensor[]): string[] {
  const elements = new Map<string, number>();
  for (const { stored, shape, codes } of tensors) {
    if (codes) elements.set(stored, (elements.get(stored) ?? 0) + elementCount(shape));
  }
  return [...elements].sort(([, a], [, b]) => b - a).map(([type]) => type);
}
