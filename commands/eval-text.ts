import { loadTokenizer } from '../eval/model/tokenizer.ts';
import { defaultCtx, prepareText, textForm, type ProtocolOptions } from '../eval/perplexity/prepare-text.ts';
import type { PreparedText } from '../eval/perplexity/protocol.ts';
import { textEncoder } from '../eval/perplexity/text-encoder.ts';
import type { ModelConfig } from '../quant/checkpoint/hf-config.ts';
import type { StoredModel } from '../quant/checkpoint/stored-model.ts';
import { UsageError } from '../quant/errors.ts';
import type { TextFlags } from './eval-text-flags.ts';
import type { CommandContext } from './run-command.ts';
import { loadTextArgument } from './text-argument.ts';

/** @throws UsageError `E_CTX_TOO_LARGE`, `E_STRIDE` */
export function chooseProtocol(
  { maxPositionEmbeddings: limit }: Pick<ModelConfig, 'maxPositionEmbeddings'>,
  { protocol: name, ctx = defaultCtx(name, limit), stride, samples }: TextFlags,
): ProtocolOptions {
  if (ctx > limit) {
    throw new UsageError(`--ctx ${ctx}: the model was made for at most ${limit} positions`, {
      code: 'E_CTX_TOO_LARGE',
      hint: `use --ctx ${limit} or less`,
      details: { value: ctx, limit },
    });
  }
  if (stride !== undefined && name !== 'stride') {
    throw new UsageError(`--stride ${stride}: windows of protocol "${name}" do not overlap`, {
      code: 'E_STRIDE',
      hint: 'add --protocol stride, or leave --stride away',
      details: { value: stride, protocol: name },
    });
  }
  return { name, ctx, stride, samples };
}

export interface TextRequest {
  /** As `loadTextArgument` takes it. */
  source: string;
  /** Whose tokenizer it is. */
  model: Pick<StoredModel, 'documents' | 'config'>;
  protocol: ProtocolOptions;
}

export interface EncodedText {
  /** Name of the text. */
  data: string;
  text: PreparedText;
  tokenizerSha256: string;
}

/**
 * A text as tokens of a model, cut up by a protocol.
 *
 * @throws as `loadTextArgument`, `loadTokenizer` and `prepareText`
 */
export async function encodeTextArgument(
  { source, model: { documents, config }, protocol }: TextRequest,
  context: CommandContext,
): Promise<EncodedText> {
  const data = await loadTextArgument(source, context, { form: textForm(protocol.name) });
  const tokenizer = loadTokenizer(documents, { vocabSize: config.vocabSize });
  const text = await prepareText(data, textEncoder(documents, tokenizer), protocol);
  return { data: data.name, text, tokenizerSha256: tokenizer.sha256 };
}
