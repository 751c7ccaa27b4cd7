import { loadTokenizer } from '../../eval/model/tokenizer.ts';
import type { StoredModel } from '../../quant/checkpoint/stored-model.ts';
import { elementCount } from '../../quant/checkpoint/tensor-size.ts';
import { CiderError } from '../../quant/errors.ts';
import { check } from '../target.ts';

/** More than a case has; a document is not read beyond it. */
const MAX_DOCUMENT_BYTES = 2 ** 20;

/** Reads all that an open model has to give, by value and by code, and closes it. */
export function readModel(model: StoredModel): void {
  try {
    const refusals: CiderError[] = [];
    for (const tensor of model.tensors.values()) {
      const { shape, codes } = tensor;
      const elements = elementCount(shape);
      // What one reader refuses is no reason not to ask the others.
      attempt(refusals, () => {
        check(tensor.readFloats().length === elements, 'a tensor has other elements');
      });
      attempt(refusals, () => {
        const read = codes?.read();
        check(read === undefined || read.codes.length === elements, 'a weight has other codes');
      });
    }
    for (const name of model.documents.names) {
      attempt(refusals, () => {
        model.documents.read(name, MAX_DOCUMENT_BYTES);
        if (name === 'tokenizer.json') loadTokenizer(model.documents, { vocabSize: model.config.vocabSize });
      });
    }
    if (refusals.length > 0) throw refusals[0];
  } finally {
    model.close();
  }
}

function attempt(refusals: CiderError[], read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof CiderError)) throw error;
    refusals.push(error);
  }
}
