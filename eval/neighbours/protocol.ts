import { neighbourNames, type NeighbourName } from './neighbour.ts';

/** Asks which neighbours are installed; `compressed`: with what they need for the compressed-tensors format. */
export interface ListRequest {
  do: 'list';
  compressed: boolean;
}

/** Asks one of them to load a checkpoint and to say what comes after each token. */
export interface RunRequest {
  do: 'run';
  neighbour: NeighbourName;
  /** Folder, absolute. */
  model: string;
  tokens: readonly number[];
  vocabSize: number;
  /** File for the answer, f32 `[tokens, vocabSize]`; it must not exist. */
  output: string;
  /** The same without quantization of activations; null where nothing of the kind is quantized. */
  floatOutput: string | null;
  /** Folder for whatever libraries write. */
  scratch: string;
}

/** Packages of a neighbour by name. */
export interface Installed {
  /** With their versions. */
  packages: Readonly<Record<string, string>>;
  missing: readonly string[];
}

export interface Listing {
  /** Version of Python. */
  python: string;
  neighbours: Readonly<Record<NeighbourName, Installed>>;
}

export interface RunAnswer {
  kind: 'logits' | 'logprobs';
  rows: number;
  columns: number;
  /** Whether there is an answer without quantization of activations. */
  floatActivations: boolean;
  loadSeconds: number;
  runSeconds: number;
  /** Of the neighbour's process. */
  peakMemoryBytes: number;
  notes: readonly string[];
}

/** An answer before anything is known of its members. */
export type Answer = Readonly<Record<string, unknown>>;

export const isAnswer = (value: unknown): value is Answer =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whatever answered may not be our script: undefined if that is no list. */
export function parseListing(answer: Answer): Listing | undefined {
  const { python, neighbours } = answer;
  if (typeof python !== 'string' || !isAnswer(neighbours)) return undefined;
  const found = neighbourNames.map((name) => [name, parseInstalled(neighbours[name])] as const);
  if (found.some(([, installed]) => installed === undefined)) return undefined;
  return { python, neighbours: Object.fromEntries(found) as Record<NeighbourName, Installed> };
}

function parseInstalled(value: unknown): Installed | undefined {
  if (!isAnswer(value)) return undefined;
  const { packages, missing } = value;
  if (!isAnswer(packages) || !Object.values(packages).every(isString) || !isStrings(missing)) return undefined;
  return { packages: packages as Record<string, string>, missing };
}

/** The same of a run. */
export function parseRun(answer: Answer): RunAnswer | undefined {
  const { kind, rows, columns, floatActivations, loadSeconds, runSeconds, peakMemoryBytes, notes } = answer;
  if (kind !== 'logits' && kind !== 'logprobs') return undefined;
  if (!isCount(rows) || !isCount(columns) || typeof floatActivations !== 'boolean' || !isStrings(notes))
    return undefined;
  if (!isQuantity(loadSeconds) || !isQuantity(runSeconds) || !isQuantity(peakMemoryBytes)) return undefined;
  return { kind, rows, columns, floatActivations, loadSeconds, runSeconds, peakMemoryBytes, notes };
}

const isString = (value: unknown): value is string => typeof value === 'string';
const isStrings = (value: unknown): value is string[] => Array.isArray(value) && value.every(isString);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isQuantity = (value: unknown): value is number => Number.isFinite(value) && (value as number) >= 0;
