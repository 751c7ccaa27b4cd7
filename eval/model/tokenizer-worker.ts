import { parentPort, workerData } from 'node:worker_threads';
import type { EncodeRequest } from './encode-in-worker.ts';
import { createTokenizer } from './tokenizer-library.ts';

/** Entry of the thread that encodes one text. */
const { definition, text } = workerData as EncodeRequest;
const { ids } = createTokenizer(definition, 'tokenizer.json').encode(text, { add_special_tokens: false });
// What is no id becomes -1, which the receiver refuses.
const encoded = Int32Array.from(ids, (id) => (id !== undefined && Number.isInteger(id) ? id : -1));
parentPort?.postMessage(encoded, [encoded.buffer]);
