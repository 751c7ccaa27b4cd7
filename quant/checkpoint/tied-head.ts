import { InputError } from '../errors.ts';
import { EMBEDDING_NAME, HEAD_NAME } from './architecture.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { ModelConfig } from './hf-config.ts';

/** Both tensors are compared in pieces of this size. */
const CHUNK_BYTES = 16 * 1024 * 1024;

/**
 * Many checkpoints with tied embeddings hold the output layer all the same, as a copy. If it is none, it is open which
 * of the two the model was trained with, and loaders differ.
 *
 * @throws InputError `E_HEAD_NOT_TIED`
 */
export function checkTiedHead(
  config: Pick<ModelConfig, 'tieWordEmbeddings'>,
  checkpoint: Pick<Checkpoint, 'tensors' | 'readInto'>,
): void {
  const embedding = checkpoint.tensors.get(EMBEDDING_NAME);
  const head = checkpoint.tensors.get(HEAD_NAME);
  if (!config.tieWordEmbeddings || !embedding || !head) return;

  let isEqual = head.dtype === embedding.dtype && head.bytes === embedding.bytes;
  for (let at = 0; isEqual && at < head.bytes; at += CHUNK_BYTES) {
    const [a, b] = [embedding, head].map((entry) => {
      const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, entry.bytes - at));
      checkpoint.readInto(entry, chunk, at);
      return chunk;
    });
    isEqual = a.equals(b);
  }
  if (isEqual) return;
  throw new InputError(`${head.file}: ${HEAD_NAME} differs from ${EMBEDDING_NAME}, but tie_word_embeddings is true`, {
    code: 'E_HEAD_NOT_TIED',
    hint: 'set tie_word_embeddings to false in config.json if the model has an output layer of its own',
    details: { file: head.file, tensor: HEAD_NAME },
  });
}
