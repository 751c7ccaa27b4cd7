import { parentPort, workerData } from 'node:worker_threads';
import { sendError } from '../../quant/conversion/error-transfer.ts';
import type { EncodeAnswer, EncodeRequest } from './encode-in-worker.ts';
import { createTokenizer } from './tokenizer-library.ts';

/** Entry of the thread that encodes texts. */
const answer = encode(workerData as EncodeRequest);
parentPort?.postMessage(answer, 'encoded' in answer ? answer.encoded.map(({ buffer }) => buffer) : []);

function encode({ definition, texts }: EncodeRequest): EncodeAnswer {
  try {
    const tokenizer = createTokenizer(definition, 'tokenizer.json');
    const encoded = texts.map((text) => {
      const { ids } = tokenizer.encode(text, { add_special_tokens: false });
      // What is no id becomes -1, which the receiver refuses.
      return Int32Array.from(ids, (id) => (id !== undefined && Number.isInteger(id) ? id : -1));
    });
    return { encoded };
  } catch (error) {
    return { error: sendError(error) };
  }
}
