import { CiderError } from '../quant/errors.ts';
import type { Input, Limited, Target } from './target.ts';

/** What became of one input. `code` is that of a rejection; `failure` says what was thrown that has none. */
export type Outcome = { kind: 'accepted' } | { kind: 'rejected'; code: string } | { kind: 'untyped'; failure: string };

const accepted: Outcome = { kind: 'accepted' };

/** A message is a sentence for people, however long the names in a file are. */
const MAX_MESSAGE_CHARACTERS = 10_000;

export async function runCase(target: Target, input: Input, limited: Limited): Promise<Outcome> {
  try {
    const running = target.run(input, limited);
    // A turn of the event loop for each input would take longer than most inputs.
    if (running) await running;
    return accepted;
  } catch (error) {
    if (!(error instanceof CiderError)) return { kind: 'untyped', failure: describe(error) };
    if (error.message.length <= MAX_MESSAGE_CHARACTERS) return { kind: 'rejected', code: error.code };
    return { kind: 'untyped', failure: `a message of ${error.message.length} characters with code ${error.code}` };
  }
}

/** With the places in our own code that the error came through, by which failures are told apart. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  const frames = (error.stack ?? '').split('\n').filter((line) => line.trimStart().startsWith('at '));
  const places = frames.slice(0, 4).map((line) => line.trim().replace(/\(?file:\/\/\S*\/(dist|node_modules)\//, '('));
  return `${error.name}: ${error.message.slice(0, 200)}\n    ${places.join('\n    ')}`;
}
