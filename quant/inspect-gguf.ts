import { GgufFile } from './checkpoint/gguf/gguf-file.ts';
import type { GgufValue, TypedValue } from './checkpoint/gguf/metadata-value.ts';
import { openGguf } from './checkpoint/gguf/open-gguf.ts';
import { nodeFileSystem } from './file-system.ts';
import { attempt, checkModel, describe, type Inspection, type InspectOptions, type Problem } from './inspection.ts';

/** Elements of a list that are shown. */
const ELEMENTS_SHOWN = 3;

/** Characters of a value that are shown. */
const MAX_SHOWN = 80;

/**
 * Looks at a GGUF file: names, types and metadata are its own.
 *
 * @throws NotFoundError, ResourceError; InputError if its header cannot be read
 */
export async function inspectGguf(path: string, options: InspectOptions): Promise<Inspection> {
  const file = new GgufFile(path);
  const problems: Problem[] = [];
  try {
    const model = attempt(problems, () => openGguf(path, nodeFileSystem));
    try {
      if (options.check && model) await checkModel(model, [...model.tensors.values()], problems, options);
      const tensors = file.header.tensors.map(({ name, typeName, shape, bytes }) => {
        return { name, dtype: typeName, shape, bytes, file: file.name };
      });
      return describe(tensors, model?.config, {
        files: [{ name: file.name, bytes: file.bytes }],
        scheme: model ? (model.scheme ?? 'float') : 'unknown',
        metadata: describeMetadata(file.header.metadata),
        warnings: model?.warnings ?? [],
        problems,
      });
    } finally {
      model?.close();
    }
  } finally {
    file.close();
  }
}

function describeMetadata(metadata: ReadonlyMap<string, TypedValue>): Record<string, string> {
  return Object.fromEntries([...metadata].map(([key, { value }]) => [key, shorten(show(value))]));
}

function show(value: GgufValue): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') return String(value);
  const more = value.length > ELEMENTS_SHOWN ? `, … ${value.length} in all` : '';
  return `[${value.slice(0, ELEMENTS_SHOWN).map(showElement).join(', ')}${more}]`;
}

function showElement(value: GgufValue): string {
  return typeof value === 'string' ? JSON.stringify(shorten(value)) : show(value);
}

const shorten = (text: string): string => (text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
