import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CiderError } from '../../quant/errors.ts';
import { readWholeFile } from '../../quant/read-file.ts';
import { askPython, type PythonOptions } from './ask-python.ts';
import { FLOAT_ACTIVATIONS } from './limits.ts';
import { compareLogits, type LogitDifference } from './logit-difference.ts';
import type { NeighbourName } from './neighbour.ts';
import type { OwnLogits } from './own-logits.ts';
import { parseRun, type RunAnswer, type RunRequest } from './protocol.ts';

export interface CheckRequest {
  neighbour: NeighbourName;
  /** Of the checkpoint, absolute. */
  folder: string;
  vocabSize: number;
  own: OwnLogits;
  /** Of the mean KL divergence, in nats. */
  limit: number;
}

/** How far a neighbour is from us, and how far it may be. */
export interface LimitedDifference extends LogitDifference {
  /** Of `meanKl`. */
  limit: number;
}

/** What became of a neighbour that was asked. */
export type CheckedNeighbour =
  | { verdict: 'failed'; reason: string }
  | (LimitedDifference &
      Pick<RunAnswer, 'loadSeconds' | 'runSeconds' | 'peakMemoryBytes' | 'notes'> & {
        verdict: 'ok' | 'differs';
        /** Both without quantization of activations, where the model has it and the neighbour can leave it out. */
        floatActivations?: LimitedDifference;
      });

/**
 * Has a neighbour run the tokens, in a process of its own, and compares what it says with what we say. Its answer, and
 * whatever its libraries write, goes through a temporary folder that is removed.
 *
 * @throws what the signal was aborted with; errors of the file system where the temporary folder is made
 */
export async function checkNeighbour(request: CheckRequest, options: PythonOptions): Promise<CheckedNeighbour> {
  const { neighbour, folder, vocabSize, own } = request;
  const temporary = mkdtempSync(join(tmpdir(), 'cider-check-'));
  try {
    const [output, second, scratch] = ['logits', 'float-logits', 'scratch'].map((name) => join(temporary, name));
    const floatOutput = own.floatLogits ? second : null;
    mkdirSync(scratch);
    const question = { neighbour, model: folder, tokens: [...own.tokenIds], vocabSize, output, floatOutput, scratch };
    const answer = await askPython({ do: 'run', ...question }, options);
    if (!answer.ok) return { verdict: 'failed', reason: answer.reason };
    const run = parseRun(answer.answer);
    if (!run) return { verdict: 'failed', reason: 'its answer is not of the protocol' };
    return compare(request, run, { output, floatOutput });
  } finally {
    // What was ended a moment ago may still be about to write.
    rmSync(temporary, { recursive: true, force: true, maxRetries: 5 });
  }
}

function compare(
  { own, vocabSize, limit }: CheckRequest,
  run: RunAnswer,
  { output, floatOutput }: Pick<RunRequest, 'output' | 'floatOutput'>,
): CheckedNeighbour {
  const { tokenIds, logits, floatLogits } = own;
  const rows = tokenIds.length;
  if (run.rows !== rows || run.columns !== vocabSize) {
    const reason = `it gives logits [${run.rows}, ${run.columns}], we give [${rows}, ${vocabSize}]`;
    return { verdict: 'failed', reason };
  }
  const difference = (file: string, ours: Float32Array, most: number): LimitedDifference | string => {
    const theirs = readLogits(file, ours.length);
    if (typeof theirs === 'string') return theirs;
    return { limit: most, ...compareLogits({ ours, theirs, theirKind: run.kind, columns: vocabSize, tokenIds }) };
  };
  const asRun = difference(output, logits, limit);
  if (typeof asRun === 'string') return { verdict: 'failed', reason: asRun };
  const { loadSeconds, runSeconds, peakMemoryBytes, notes } = run;
  const row = { ...asRun, loadSeconds, runSeconds, peakMemoryBytes, notes };
  if (!run.floatActivations || !floatLogits || floatOutput === null) return { verdict: verdictOf(asRun), ...row };
  const floatActivations = difference(floatOutput, floatLogits, FLOAT_ACTIVATIONS);
  if (typeof floatActivations === 'string') return { verdict: 'failed', reason: floatActivations };
  return { verdict: verdictOf(asRun, floatActivations), ...row, floatActivations };
}

/** What is not a number is above any limit. */
const verdictOf = (...differences: readonly LimitedDifference[]): 'ok' | 'differs' =>
  differences.every(({ meanKl, limit }) => meanKl <= limit) ? 'ok' : 'differs';

/** @returns what is wrong with the file, if something is */
function readLogits(path: string, count: number): Float32Array | string {
  const bytes = count * Float32Array.BYTES_PER_ELEMENT;
  try {
    const content = readWholeFile(path, bytes);
    if (content.length !== bytes) return `it wrote ${content.length} bytes of logits instead of ${bytes}`;
    return new Float32Array(content.buffer, content.byteOffset, count);
  } catch (error) {
    if (error instanceof CiderError) return `its logits cannot be read: ${error.message}`;
    throw error;
  }
}
