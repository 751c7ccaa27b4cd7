import type { Checkpoint, TensorEntry } from '../checkpoint/checkpoint.ts';
import { weightBits } from '../checkpoint/compressed-tensors.ts';
import { layoutFile, planShards, type FileLayout } from '../checkpoint/safetensors-layout.ts';
import { tensorBytes, type TensorSpec } from '../checkpoint/tensor-size.ts';
import { weightDtype } from '../checkpoint/weight-dtype.ts';
import type { Clip } from '../schemes/scheme.ts';
import type { OutputFormat } from './formats/output-format.ts';
import type { FillJob, SourceRange } from './job.ts';
import type { PlannedTensor, QuantizedTensor } from './plan.ts';
import type { SideFile } from './side-files.ts';

/** A weight file, which the index of several needs to know. */
export interface WeightFile extends OutputFile {
  layout: FileLayout;
}

/** A file of the output: its size is known before any weight is read, so that threads can write at offsets. */
export interface OutputFile {
  name: string;
  bytes: number;
  /** What is known already: header and shapes. */
  known: readonly { offset: number; bytes: Uint8Array }[];
  /** The jobs that fill in the rest, for the file at `path`. */
  jobs: (path: string) => Iterable<FillJob>;
}

/**
 * Input that one job reads. Large enough that calls and messages cost nothing, small enough that a thread with input,
 * codes and scales stays in tens of megabytes.
 */
const JOB_BYTES = 8 * 1024 * 1024;

/** Weight files of at most `maxShardBytes` of tensors; what replaces one source tensor stays together. */
export function weightFiles(
  tensors: readonly PlannedTensor[],
  checkpoint: Pick<Checkpoint, 'files'>,
  format: OutputFormat,
  clip: Clip,
  maxShardBytes: number,
): WeightFile[] {
  const owners = new Map<readonly TensorSpec[], PlannedTensor>(tensors.map((tensor) => [tensor.outputs, tensor]));
  return planShards([...owners.keys()], maxShardBytes).map(({ name, groups }) => {
    const layout = layoutFile(groups.flat(), format.metadata);
    const members = groups.flatMap((group) => owners.get(group) ?? []);
    return {
      name,
      layout,
      bytes: layout.fileBytes,
      known: [{ offset: 0, bytes: layout.header }, ...members.flatMap((tensor) => knownShape(tensor, layout))],
      *jobs(path) {
        for (const tensor of members) {
          const file = sourceFile(checkpoint, tensor.source);
          if (tensor.kind === 'quantize') yield* quantizeJobs(tensor, file, format, clip, layout, path);
          else yield* copyJobs(tensor.source.name, file, tensor.source, path, offsetOf(layout, tensor.source.name));
        }
      },
    };
  });
}

export function copiedFile({ name, source }: SideFile): OutputFile {
  const range = { offset: 0, bytes: source.fileBytes };
  return { name, bytes: source.fileBytes, known: [], jobs: (path) => copyJobs(name, source, range, path, 0) };
}

type SourceFile = SideFile['source'];

function sourceFile({ files }: Pick<Checkpoint, 'files'>, entry: TensorEntry): SourceFile {
  const file = files.find(({ name }) => name === entry.file);
  if (!file) throw new RangeError(`${entry.file} is no file of the input`);
  return { path: file.path, fileBytes: file.bytes, fileMtimeMs: file.mtimeMs };
}

function* copyJobs(
  label: string,
  file: SourceFile,
  range: Pick<SourceRange, 'offset' | 'bytes'>,
  path: string,
  targetOffset: number,
): Generator<FillJob> {
  for (let done = 0; done < range.bytes; done += JOB_BYTES) {
    const source = { ...file, offset: range.offset + done, bytes: Math.min(JOB_BYTES, range.bytes - done) };
    yield { kind: 'copy', label, source, target: { path, offset: targetOffset + done } };
  }
}

function* quantizeJobs(
  { source, linear, outputs }: QuantizedTensor,
  file: SourceFile,
  format: OutputFormat,
  clip: Clip,
  layout: FileLayout,
  path: string,
): Generator<FillJob> {
  const [rowCount, columns] = source.shape;
  const rowBytes = source.bytes / rowCount;
  // What has no row for each of N does not come from codes: `weight_shape`.
  const parts = outputs.filter(({ dtype }) => dtype !== 'I64');
  const scheme = { bits: weightBits(linear.mode), groupSize: linear.groupSize, clip };
  const rowsPerJob = Math.max(1, Math.floor(JOB_BYTES / rowBytes));
  for (let firstRow = 0; firstRow < rowCount; firstRow += rowsPerJob) {
    const rows = Math.min(rowsPerJob, rowCount - firstRow);
    yield {
      kind: 'quantize',
      label: source.name,
      source: { ...file, offset: source.offset + firstRow * rowBytes, bytes: rows * rowBytes },
      dtype: weightDtype(source),
      firstRow,
      rows,
      columns,
      scheme,
      format: format.name,
      storage: linear,
      target: {
        path,
        offsets: parts.map((part) => offsetOf(layout, part.name) + (firstRow * tensorBytes(part, 'output')) / rowCount),
      },
    };
  }
}

/** `weight_shape` of a packed weight holds N and K themselves. */
function knownShape(tensor: PlannedTensor, layout: FileLayout): OutputFile['known'] {
  const shape = tensor.kind === 'quantize' ? tensor.outputs.find(({ dtype }) => dtype === 'I64') : undefined;
  if (!shape) return [];
  const values = BigInt64Array.from(tensor.source.shape, BigInt);
  return [{ offset: offsetOf(layout, shape.name), bytes: new Uint8Array(values.buffer) }];
}

function offsetOf(layout: FileLayout, name: string): number {
  const offset = layout.offsets.get(name);
  if (offset === undefined) throw new RangeError(`${name} has no place in the file`);
  return offset;
}
