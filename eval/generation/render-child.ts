import { render } from './jinja.ts';
import type { RenderAnswer, RenderRequest } from './render-template.ts';

// Entry of the process that renders one template: says that it is ready, gets a request, gives an answer.

/** A prompt of this many characters has more tokens than any model reads. */
const MAX_OUTPUT_CHARACTERS = 4 * 1024 * 1024;

/** What a template says by `raise_exception` may be of any length. */
const MAX_REASON_CHARACTERS = 300;

function answer({ template, variables, now }: RenderRequest): RenderAnswer {
  try {
    const text = render(template, variables, new Date(now));
    if (text.length <= MAX_OUTPUT_CHARACTERS) return { ok: true, text };
    return { ok: false, reason: `it makes ${text.length} characters, more than ${MAX_OUTPUT_CHARACTERS}` };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: reason.slice(0, MAX_REASON_CHARACTERS) };
  }
}

process.once('message', (request) => {
  process.send?.(answer(request as RenderRequest), () => {
    process.disconnect();
  });
});
process.send?.('ready');
