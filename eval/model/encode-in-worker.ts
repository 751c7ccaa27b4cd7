import { Worker } from 'node:worker_threads';
import { receiveError, type TransferredError } from '../../quant/conversion/error-transfer.ts';
import { InputError } from '../../quant/errors.ts';
import { unsupported } from './tokenizer-definition.ts';

/** What the thread is given. */
export interface EncodeRequest {
  /** The text of a tokenizer.json. */
  definition: string;
  texts: readonly string[];
}

export type EncodeAnswer = { encoded: Int32Array<ArrayBuffer>[] } | { error: TransferredError };

/**
 * Time for texts: measured are 1 µs a character for byte-level tokenizers and 8 µs for those without a pre-tokenizer
 * (Llama 2), beside a second to load; ten times that is left to slow machines.
 */
const BASE_LIMIT_MS = 30_000;
const LIMIT_MS_PER_CHARACTER = 0.1;

/**
 * Encodes texts without special tokens in a thread that is ended when the limit is over.
 *
 * @throws InputError `E_TOKENIZER_TIMEOUT`, `E_TOKENIZER_UNSUPPORTED`
 */
export async function encodeInWorker(
  definition: string,
  texts: readonly string[],
  limitMs?: number,
): Promise<Int32Array[]> {
  const characters = texts.reduce((sum, text) => sum + text.length, 0);
  const limit = limitMs ?? BASE_LIMIT_MS + LIMIT_MS_PER_CHARACTER * characters;
  const request: EncodeRequest = { definition, texts };
  const worker = new Worker(new URL('./tokenizer-worker.js', import.meta.url), { workerData: request });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Int32Array[]>((resolve, reject) => {
      worker.once('message', (answer: EncodeAnswer) => {
        if ('encoded' in answer) resolve(answer.encoded);
        else reject(receiveError(answer.error));
      });
      // Not an error of the tokenizer's code, which is an answer, but the end of the thread: no memory is left in it.
      worker.once('error', (cause) => {
        reject(unsupported('tokenizer.json', `the thread that encoded with it ended: ${cause.message}`, cause));
      });
      timer = setTimeout(() => {
        reject(timeout(characters, limit));
      }, limit);
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

function timeout(characters: number, limit: number): InputError {
  const seconds = limit / 1000;
  return new InputError(`tokenizer.json: ${characters} characters were not encoded within ${seconds} s`, {
    code: 'E_TOKENIZER_TIMEOUT',
    hint: 'a pattern in its pre_tokenizer may backtrack without end; or give a shorter text',
    details: { file: 'tokenizer.json', characters, limitSeconds: seconds },
  });
}
