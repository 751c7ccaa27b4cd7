import type { Target } from './target.ts';
import { chatTemplate } from './targets/chat-template.ts';
import { config } from './targets/config.ts';
import { generationConfig } from './targets/generation-config.ts';
import { gguf } from './targets/gguf.ts';
import { journal } from './targets/journal.ts';
import { json } from './targets/json.ts';
import { jsonLines } from './targets/json-lines.ts';
import { model } from './targets/model.ts';
import { plantedTargets } from './planted.ts';
import { modulePattern } from './targets/module-pattern.ts';
import { outputState } from './targets/output-state.ts';
import { parquetChild } from './targets/parquet-child.ts';
import { parquet } from './targets/parquet.ts';
import { safetensors } from './targets/safetensors.ts';
import { savedResult } from './targets/saved-result.ts';
import { shards } from './targets/shards.ts';
import { statistics } from './targets/statistics.ts';
import { templateChild } from './targets/template-child.ts';
import { template } from './targets/template.ts';
import { tokenizer } from './targets/tokenizer.ts';

/** Every reader of files that come from others, or that a crash may have left half written. */
export const targets: readonly Target[] = [
  json,
  safetensors,
  shards,
  config,
  modulePattern,
  generationConfig,
  model,
  gguf,
  tokenizer,
  chatTemplate,
  template,
  templateChild,
  jsonLines,
  parquet,
  parquetChild,
  journal,
  savedResult,
  statistics,
  outputState,
];

export function findTarget(name: string): Target {
  const found = [...targets, ...plantedTargets].find((target) => target.name === name);
  if (!found) throw new Error(`no target is named ${name}; there are ${targets.map((each) => each.name).join(', ')}`);
  return found;
}

/** Targets that start a process for each input: some tens of inputs a second, where others take thousands. */
export const slowTargets: readonly Target[] = [templateChild, parquetChild];
