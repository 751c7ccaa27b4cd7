import { nodeFileSystem, type FileSystem } from '../file-system.ts';
import { Checkpoint } from './checkpoint.ts';
import { readCompressedTensors } from './compressed-tensors/read-tensors.ts';
import { withoutMembers } from './config-text.ts';
import { readFloatTensors } from './float-tensor.ts';
import { findGguf } from './find-gguf.ts';
import { folderDocuments } from './folder-documents.ts';
import { foreignQuantization } from './foreign-quantization.ts';
import { parseModelConfig, readModelConfig, type ModelConfig } from './hf-config.ts';
import { openGguf } from './gguf/open-gguf.ts';
import { readMlxTensors } from './mlx/read-tensors.ts';
import type { ModelFormat, StoredModel, StoredTensor } from './stored-model.ts';

/** Members of config.json that say how weights are quantized. */
const quantizationMembers: readonly string[] = ['quantization_config', 'quantization', 'compression_config'];

/**
 * Opens a model of any format that is known: a GGUF file or a folder that holds nothing else, or a folder of safetensors
 * files, or one of them beside its config.json. Headers are read and checked, no values; `close` ends it.
 *
 * @throws NotFoundError, ResourceError; InputError for all that a file or its configuration cannot be, and for a method of
 * quantization that is not known
 */
export function openModel(path: string, fileSystem: FileSystem = nodeFileSystem): StoredModel {
  const gguf = findGguf(path, fileSystem);
  if (gguf !== undefined) return openGguf(gguf, fileSystem);
  const checkpoint = Checkpoint.open(path, fileSystem);
  try {
    return safetensorsModel(path, checkpoint, fileSystem);
  } catch (error) {
    checkpoint.close();
    throw error;
  }
}

/** The model of an open checkpoint, which is closed with it. @throws as `openModel` */
export function safetensorsModel(path: string, checkpoint: Checkpoint, fileSystem: FileSystem): StoredModel {
  const written = readModelConfig(checkpoint.folder, fileSystem);
  const { format, tensors, scheme, rowName, warnings } = readTensors(checkpoint, written);
  return {
    format,
    path,
    config: asFloat(written),
    scheme,
    rowName,
    files: checkpoint.files.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    tensors,
    documents: folderDocuments(checkpoint.folder, fileSystem),
    checkpoint,
    warnings,
    checkUnchanged: () => {
      checkpoint.checkFilesUnchanged();
    },
    close: () => {
      checkpoint.close();
    },
  };
}

interface ReadTensors extends Pick<StoredModel, 'format' | 'tensors' | 'warnings' | 'scheme' | 'rowName'> {
  format: ModelFormat;
  tensors: ReadonlyMap<string, StoredTensor>;
}

function readTensors(checkpoint: Checkpoint, config: ModelConfig): ReadTensors {
  switch (config.quantization) {
    case undefined:
      return { format: 'float', scheme: undefined, rowName: undefined, ...readFloatTensors(checkpoint, config) };
    case 'compressed-tensors':
      return { format: 'compressed-tensors', ...readCompressedTensors(checkpoint, config) };
    case 'mlx':
      return { format: 'mlx', ...readMlxTensors(checkpoint, config) };
    default:
      throw foreignQuantization(config);
  }
}

/** The configuration of the same model with float weights. */
function asFloat(config: ModelConfig): ModelConfig {
  if (config.quantization === undefined) return config;
  return parseModelConfig(new TextEncoder().encode(withoutMembers(config.text, quantizationMembers)));
}
