import { parseConfiguration, storedConfiguration, type Configuration } from '../eval/model/configurations.ts';
import { tokenizerSha256 } from '../eval/model/tokenizer.ts';
import { readSavedResult, type SavedResult } from '../eval/perplexity/saved-result.ts';
import type { ModelConfig } from '../quant/checkpoint/hf-config.ts';
import type { StoredModel } from '../quant/checkpoint/stored-model.ts';
import { nodeFileSystem, statusOf } from '../quant/file-system.ts';
import { resolveModel } from './model-argument.ts';
import { openInput } from './open-input.ts';
import type { CommandContext } from './run-command.ts';
import { shortNames, type LongName } from './short-names.ts';

/** A row of the comparison. */
export type Subject = OpenedSubject & {
  /** Short, and of this row only. */
  name: string;
};

type OpenedSubject = OpenedCheckpoint | OpenedResult;

interface OpenedCheckpoint {
  kind: 'checkpoint';
  longName: LongName;
  /** As `eval-ppl` names it. */
  model: string;
  stored: StoredModel;
  config: ModelConfig;
  configuration: Configuration;
  tokenizerSha256: string;
}

/** A configuration of a saved run. */
interface OpenedResult {
  kind: 'result';
  longName: LongName;
  /** Of the saved run. */
  model: string;
  file: string;
  saved: SavedResult;
  configuration: { name: string };
  losses: Float32Array;
}

export type CheckpointSubject = Extract<Subject, { kind: 'checkpoint' }>;
export type ResultSubject = Extract<Subject, { kind: 'result' }>;

export const isCheckpoint = (subject: Subject): subject is CheckpointSubject => subject.kind === 'checkpoint';
export const isResult = (subject: Subject): subject is ResultSubject => subject.kind === 'result';

/**
 * What the arguments name, opened: a row each, of a results file one a configuration.
 *
 * @param opened receives each model as soon as it is open, for the caller to close
 * @throws as `resolveModel`, `openModel`, `tokenizerSha256` and `readSavedResult`
 */
export async function openSubjects(
  args: readonly string[],
  opened: StoredModel[],
  context: CommandContext,
): Promise<Subject[]> {
  const subjects: OpenedSubject[] = [];
  for (const argument of args) {
    if (isResultsFile(argument)) subjects.push(...readResults(argument));
    else subjects.push(await openCheckpoint(argument, opened, context));
  }
  const names = shortNames(subjects.map(({ longName }) => longName));
  return subjects.map((subject, index) => ({ ...subject, name: names[index] }));
}

/** Any file but one of weights. One that is not there is missed as what its name says it is. */
function isResultsFile(argument: string): boolean {
  if (argument.endsWith('.safetensors') || argument.endsWith('.gguf')) return false;
  const status = statusOf(nodeFileSystem, argument);
  return status ? status.kind !== 'folder' : argument.endsWith('.json');
}

function readResults(file: string): OpenedResult[] {
  const saved = readSavedResult(file);
  const path = file.replace(/\.json$/, '');
  return saved.rows.map(({ config, losses }) => ({
    kind: 'result',
    longName: saved.rows.length === 1 ? { path } : { path, suffix: config },
    model: saved.model,
    file,
    saved,
    configuration: { name: config },
    losses,
  }));
}

/** A checkpoint as it is stored. */
async function openCheckpoint(
  argument: string,
  opened: StoredModel[],
  context: CommandContext,
): Promise<OpenedCheckpoint> {
  const { path, name: model } = await resolveModel(argument, context);
  const stored = openInput(path, context);
  opened.push(stored);
  return {
    kind: 'checkpoint',
    longName: { path: model },
    model,
    stored,
    config: stored.config,
    configuration: storedConfiguration(stored) ?? parseConfiguration('fp16'),
    tokenizerSha256: tokenizerSha256(stored.documents),
  };
}
