import { resolve } from 'node:path';
import { preparePrompt } from '../eval/generation/prompt.ts';
import { checkNeighbour } from '../eval/neighbours/check-neighbour.ts';
import { klLimit } from '../eval/neighbours/limits.ts';
import { notAsked, type CheckedScheme, type NeighbourName } from '../eval/neighbours/neighbour.ts';
import { ownLogits, type OwnLogits } from '../eval/neighbours/own-logits.ts';
import { openBackend, type UsedBackend } from './backend.ts';
import type { CheckFlags } from './check-flags.ts';
import { checkedModel, type CheckedModel } from './check-model.ts';
import { findPython, type FoundPython } from './check-python.ts';
import { checkFailure, describeCheck, type CheckReport, type NeighbourRow } from './check-report.ts';
import { resolveModel } from './model-argument.ts';
import { openInput } from './open-input.ts';
import type { CommandContext, CommandOutcome } from './run-command.ts';

/** Runs the tokens by ourselves if there is somebody to compare with, then has one neighbour after the other do so. */
export async function runCheck(argument: string, flags: CheckFlags, context: CommandContext): Promise<CommandOutcome> {
  const { path, name } = await resolveModel(argument, context);
  const model = checkedModel(openInput(path, context));
  try {
    const python = await findPython(flags, model.scheme, context.signal);
    const { listing, options } = python;
    const found = typeof listing === 'string' ? null : { path: options.python, version: listing.python };
    const names = [...new Set([...flags.neighbours, ...flags.require])];
    const rows = names.map((neighbour) => candidateOf(neighbour, model.scheme, python));
    const run = rows.some(({ verdict }) => verdict === undefined)
      ? await runModel(model, flags, context)
      : { own: undefined, backend: undefined };
    const report: CheckReport = {
      model: name,
      config: model.rowName,
      python: found,
      tokens: run.own ? [...run.own.tokenIds] : [],
      promptTokens: run.own?.promptTokens ?? 0,
      neighbours: await askAll(rows, run.own, { model, flags, python }, context),
    };
    context.output.print(describeCheck(report));
    return {
      result: report,
      failure: checkFailure(report, flags.require),
      ...(run.backend && { backend: run.backend }),
    };
  } finally {
    model.close();
  }
}

/** A row that still lacks a verdict if the neighbour is to be asked. */
type Candidate = Pick<NeighbourRow, 'name' | 'packages'> & { verdict?: 'skipped' | 'not-installed'; reason?: string };

function candidateOf(name: NeighbourName, scheme: CheckedScheme, { listing }: FoundPython): Candidate {
  const reason = notAsked(name, scheme);
  if (typeof listing === 'string') {
    return { name, packages: {}, verdict: 'not-installed', reason: reason ?? listing };
  }
  const { packages, missing } = listing.neighbours[name];
  if (reason !== undefined) return { name, packages, verdict: 'skipped', reason };
  if (missing.length === 0) return { name, packages };
  return { name, packages, verdict: 'not-installed', reason: `Python has no ${missing.join(', ')}` };
}

async function runModel(
  model: CheckedModel,
  { prompt, tokens, ...flags }: CheckFlags,
  { output, signal }: CommandContext,
): Promise<{ own: OwnLogits; backend: UsedBackend }> {
  const { tokenIds } = await preparePrompt(model.tokenizer(), { text: prompt, system: undefined, template: undefined });
  const { backend, used } = await openBackend(flags, output);
  try {
    const loaded = await model.load(backend);
    const count = Math.min(tokens, model.config.maxPositionEmbeddings);
    const own = await ownLogits(loaded, tokenIds, count, signal);
    loaded.close();
    if (!model.scheme.quantizesActivations) return { own, backend: used };
    const withFloats = await model.load(backend, true);
    return { own: { ...own, floatLogits: await withFloats.logits(own.tokenIds) }, backend: used };
  } finally {
    backend.close();
  }
}

/** One after the other, as each may need much memory. */
async function askAll(
  candidates: readonly Candidate[],
  own: OwnLogits | undefined,
  { model, flags, python }: { model: CheckedModel; flags: CheckFlags; python: FoundPython },
  { output }: CommandContext,
): Promise<NeighbourRow[]> {
  const rows: NeighbourRow[] = [];
  for (const { name: neighbour, packages, verdict, reason = '' } of candidates) {
    if (verdict !== undefined || !own) {
      rows.push({ name: neighbour, packages, verdict: verdict ?? 'skipped', reason });
      continue;
    }
    output.note(`${neighbour} loads the model`);
    const limit = flags.tolerance ?? klLimit(neighbour, model.scheme);
    const request = { neighbour, folder: resolve(model.folder), vocabSize: model.config.vocabSize, own, limit };
    rows.push({ name: neighbour, packages, ...(await checkNeighbour(request, python.options)) });
  }
  return rows;
}
