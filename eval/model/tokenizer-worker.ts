import { parentPort, workerData } from 'node:worker_threads';
import type { EncodeRequest } from './encode-in-worker.ts';
import { createTokenizer } from './tokenizer-library.ts';

/** Entry of the thread that encodes texts. */
const { definition, texts } = workerData as EncodeRequest;
const tokenizer = createTokenizer(definition, 'tokenizer.json');
const encoded = texts.map((text) => {
  const { ids } = tokenizer.encode(text, { add_special_tokens: false });
  // What is no id becomes -1, which the receiver refuses.
  return Int32Array.from(ids, (id) => (id !== undefined && Number.isInteger(id) ? id : -1));
});
parentPort?.postMessage(
  encoded,
  encoded.map(({ buffer }) => buffer),
);
