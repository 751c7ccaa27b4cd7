import type { FloatRows, WeightScheme } from '../schemes/scheme.ts';
import type { OutputFormatName, WeightStorage } from './formats/output-format.ts';

/** A stretch of a source file. Size and time of the file are compared at each read, so that a change is noticed. */
export interface SourceRange {
  path: string;
  fileBytes: number;
  fileMtimeMs: number;
  offset: number;
  bytes: number;
}

/** Bytes that go over as they are. */
export interface CopyJob {
  kind: 'copy';
  /** Name of the tensor or file, for messages. */
  label: string;
  source: SourceRange;
  target: { path: string; offset: number };
}

/** Rows `firstRow … firstRow + rows` of a float weight to codes and scales. */
export interface QuantizeJob {
  kind: 'quantize';
  label: string;
  source: SourceRange;
  dtype: FloatRows['dtype'];
  firstRow: number;
  rows: number;
  columns: number;
  scheme: WeightScheme;
  format: OutputFormatName;
  storage: WeightStorage;
  /** Where the rows begin in each of the tensors that the format has for them. */
  target: { path: string; offsets: readonly number[] };
}

/** Makes a written file durable and hashes it. */
export interface SealJob {
  kind: 'seal';
  path: string;
}

export type FillJob = CopyJob | QuantizeJob;
export type Job = FillJob | SealJob;

/** `sha256` is set for sealed files. */
export interface JobResult {
  sha256?: string;
}

/** Runs jobs, here or in worker threads. The order of completion is open; the bytes written are not. */
export interface JobExecutor {
  run(job: Job): Promise<JobResult>;
  /** Ends threads and closes files; jobs that still wait are rejected. */
  close(): Promise<void>;
}
