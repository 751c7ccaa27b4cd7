import type { Tokenizer } from '../model/tokenizer.ts';
import { InputError, UsageError } from '../../quant/errors.ts';
import type { ChatTemplate } from './chat-template.ts';
import { renderTemplate } from './render-template.ts';

export interface PromptRequest {
  text: string;
  /** What the model is told about its part in the conversation. */
  system: string | undefined;
  /** None: the text is given to the model as it is. */
  template: ChatTemplate | undefined;
}

/** What a model reads before it writes. */
export interface Prompt {
  tokenIds: Int32Array;
  /** With which the template ends a turn of the model. */
  turnEnd: number | undefined;
}

/**
 * Tokens of a prompt: a conversation of one message by the chat template, or the text itself after the tokenizer's BOS.
 *
 * @throws UsageError `E_NO_CHAT_TEMPLATE`; InputError `E_CHAT_TEMPLATE_FAILED`, `E_PROMPT_EMPTY`, `E_TOKENIZER_*`
 */
export async function preparePrompt(tokenizer: Tokenizer, { text, system, template }: PromptRequest): Promise<Prompt> {
  if (text === '') throw emptyPrompt();
  if (!template) {
    if (system !== undefined) throw nobodyToTell();
    const ids = await tokenizer.encodeLong(text);
    return nonEmpty({ tokenIds: Int32Array.from([...tokenizer.prefixIds, ...ids]), turnEnd: undefined });
  }
  const messages = [...(system === undefined ? [] : [message('system', system)]), message('user', text)];
  const [rendered, turnEnd] = await Promise.all([
    renderTemplate(template, { ...variables, messages, add_generation_prompt: true }),
    findTurnEnd(tokenizer, template, messages),
  ]);
  // The template writes BOS itself.
  return nonEmpty({ tokenIds: await tokenizer.encodeLong(rendered), turnEnd });
}

interface Message {
  role: string;
  content: string;
}

const message = (role: string, content: string): Message => ({ role, content });

/** What transformers hands to every template besides the messages. */
const variables = { tools: null, documents: null };

/** An answer that no template writes by itself. */
const ANSWER = 'the-answer-of-the-model';

/** The special token that the template puts after an answer of the model, if it can tell. */
async function findTurnEnd(
  tokenizer: Tokenizer,
  template: ChatTemplate,
  messages: readonly Message[],
): Promise<number | undefined> {
  const conversation = [...messages, message('assistant', ANSWER)];
  try {
    const text = await renderTemplate(template, { ...variables, messages: conversation, add_generation_prompt: false });
    const at = text.lastIndexOf(ANSWER);
    return at === -1 ? undefined : tokenizer.specialTokenAt(text.slice(at + ANSWER.length).trimStart());
  } catch (error) {
    // A template that only takes questions: the model's own end of text remains.
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

function nonEmpty(prompt: Prompt): Prompt {
  if (prompt.tokenIds.length > 0) return prompt;
  throw emptyPrompt();
}

function emptyPrompt(): InputError {
  return new InputError('the prompt is empty', { code: 'E_PROMPT_EMPTY', hint: 'give some text with --prompt' });
}

function nobodyToTell(): UsageError {
  return new UsageError('a system message needs a chat template', {
    code: 'E_NO_CHAT_TEMPLATE',
    hint: 'write it into the prompt; the model has no template, or --raw leaves it away',
  });
}
