import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { InputError } from '../../quant/errors.ts';
import type { ChatTemplate } from './chat-template.ts';
import type { TemplateVariables } from './jinja.ts';

/** What the process that renders is given. */
export interface RenderRequest {
  template: string;
  variables: TemplateVariables;
  /** Milliseconds since 1970. */
  now: number;
}

export type RenderAnswer = { ok: true; text: string } | { ok: false; reason: string };

/** Real templates take some milliseconds. */
const LIMIT_MS = 2000;

/** Node itself takes 10 MB of heap, a long conversation another few. */
const MAX_HEAP_MB = 128;

const child = fileURLToPath(new URL('./render-child.js', import.meta.url));

/**
 * Renders a chat template in a process of its own, with little memory and little time: a template is a program of whoever
 * made the checkpoint. A thread would not do, because a string or an array that is too large for its heap ends the whole
 * process, whatever the limits of the thread are.
 *
 * @param now the time that the template sees
 * @throws InputError `E_CHAT_TEMPLATE_FAILED`
 */
export async function renderTemplate(
  { file, source, specialTokens }: ChatTemplate,
  variables: TemplateVariables,
  now: Date = new Date(),
): Promise<string> {
  const answer = await renderInChild({
    template: source,
    variables: { ...specialTokens, ...variables },
    now: now.getTime(),
  });
  if (answer.ok) return answer.text;
  throw new InputError(`${file}: the chat template cannot be used: ${answer.reason}`, {
    code: 'E_CHAT_TEMPLATE_FAILED',
    hint: '--raw gives the prompt to the model as it is',
    details: { file, reason: answer.reason },
  });
}

function renderInChild(request: RenderRequest): Promise<RenderAnswer> {
  return new Promise((resolve, reject) => {
    const process_ = fork(child, {
      execArgv: [`--max-old-space-size=${MAX_HEAP_MB}`],
      // A process that runs out of memory writes pages about it to standard error.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    let timer: NodeJS.Timeout | undefined;
    const end = (answer: RenderAnswer): void => {
      clearTimeout(timer);
      process_.kill('SIGKILL');
      resolve(answer);
    };
    process_.once('error', reject);
    // Only once it has started: on a busy machine that takes longer than to render.
    process_.once('message', () => {
      timer = setTimeout(() => {
        end({ ok: false, reason: `it was not rendered within ${LIMIT_MS / 1000} s` });
      }, LIMIT_MS);
      process_.once('message', (answer) => {
        end(answer as RenderAnswer);
      });
      // If it is gone, its exit says so.
      process_.send(request, () => undefined);
    });
    process_.once('exit', () => {
      if (timer) end({ ok: false, reason: `it needs more than ${MAX_HEAP_MB} MB of memory` });
      else reject(new Error('the process that renders chat templates did not start'));
    });
  });
}
