import { decodedAs, parseConfiguration, storedConfiguration } from '../eval/model/configurations.ts';
import { loadModel } from '../eval/model/load.ts';
import type { DecoderModel } from '../eval/model/model.ts';
import { loadTokenizer, type Tokenizer } from '../eval/model/tokenizer.ts';
import type { CheckedScheme } from '../eval/neighbours/neighbour.ts';
import type { Backend } from '../kernels/backend.ts';
import type { ModelConfig } from '../quant/checkpoint/hf-config.ts';
import type { StoredModel } from '../quant/checkpoint/stored-model.ts';

/** A model whose logits are compared. */
export interface CheckedModel {
  /** What others are given. */
  folder: string;
  config: ModelConfig;
  scheme: CheckedScheme;
  /** The scheme as one word for people: `w8a8`, `fp16`. */
  rowName: string;
  tokenizer(): Tokenizer;
  /** @param floatActivations leaves activations float where the scheme quantizes them */
  load(backend: Backend, floatActivations?: boolean): Promise<DecoderModel>;
  close(): void;
}

/** An open model, which is closed with it. */
export function checkedModel(stored: StoredModel): CheckedModel {
  const configuration = storedConfiguration(stored) ?? parseConfiguration('fp16');
  return {
    folder: stored.checkpoint?.folder ?? stored.path,
    config: stored.config,
    scheme: schemeOf(stored),
    rowName: configuration.name,
    tokenizer: () => loadTokenizer(stored.documents, { vocabSize: stored.config.vocabSize }),
    load: (backend, floatActivations = false) =>
      loadModel(stored, backend, floatActivations ? decodedAs(configuration, 'w8a16', stored) : configuration),
    close: () => {
      stored.close();
    },
  };
}

/** Group sizes differ where exceptions are not divided by that of the rest: most weights have the one that counts. */
function schemeOf({ format, tensors }: StoredModel): CheckedScheme {
  const codes = [...tensors.values()].flatMap((tensor) => tensor.codes ?? []);
  return {
    format,
    bits: Math.max(0, ...codes.map(({ bits }) => bits)),
    groupSize: Math.max(0, ...codes.map(({ groupSize }) => groupSize)),
    quantizesActivations: codes.some(({ quantizesActivations }) => quantizesActivations),
  };
}
