import { Command } from 'commander';
import { readChatTemplate } from '../eval/generation/chat-template.ts';
import { maxNewTokens } from '../eval/generation/context.ts';
import { generate, type Generation, type GenerationRequest, type Sampling } from '../eval/generation/generate.ts';
import { IncrementalDecoder } from '../eval/generation/incremental-decoder.ts';
import { preparePrompt } from '../eval/generation/prompt.ts';
import { readStopTokens } from '../eval/generation/stop-tokens.ts';
import { parseConfiguration, storedConfiguration, type Configuration } from '../eval/model/configurations.ts';
import { loadModel } from '../eval/model/load.ts';
import { loadTokenizer, type Tokenizer } from '../eval/model/tokenizer.ts';
import type { StoredModel } from '../quant/checkpoint/stored-model.ts';
import { alreadyQuantized } from './already-quantized.ts';
import { backendOptions, openBackend } from './backend.ts';
import type { InterruptedError } from './errors.ts';
import { DEFAULT_CONFIGURATION, generateOptions, type GenerateFlags } from './generate-flags.ts';
import { modelHelp, resolveModel } from './model-argument.ts';
import { openInput } from './open-input.ts';
import { readStdin } from './read-stdin.ts';
import { runCommand, type CommandContext, type CommandOutcome } from './run-command.ts';

const examples = `
Examples:
  cider generate model/ --prompt "Why is the sky blue?"
  cider generate model-w8a8/ --prompt - --system "Answer in one sentence." < question.txt
  cider generate model/ --config w4a8-g64 --prompt "Once upon a time" --raw --temp 0.8 --top-p 0.95 --seed 7`;

export function generateCommand(): Command {
  const command = new Command('generate')
    .summary('let a model write, to see what it is like')
    .description(
      'Write on after a prompt, by default the most likely token each time. The prompt is put into the chat template of ' +
        'the model, if it has one. A float model is quantized while it is loaded, as --config says; a quantized one is ' +
        'taken as it is. Standard output gets the text and nothing else.',
    )
    .argument('<model>', modelHelp)
    .addHelpText('after', examples)
    .action((model: string, flags: GenerateFlags) =>
      runCommand('generate', flags, (context) => run(model, flags, context)),
    );
  for (const option of [...generateOptions(), ...backendOptions()]) command.addOption(option);
  return command;
}

async function run(argument: string, flags: GenerateFlags, context: CommandContext): Promise<CommandOutcome> {
  const { path, name } = await resolveModel(argument, context);
  const model = openInput(path, context);
  try {
    const configuration = chooseConfiguration(model, flags.config);
    const tokenizer = loadTokenizer(model.documents, { vocabSize: model.config.vocabSize });
    const { request, template } = await prepare(model, tokenizer, flags, context);
    const { backend, used } = await openBackend(flags, context.output);
    try {
      const loaded = await loadModel(model, backend, configuration);
      const text = new Text(tokenizer);
      const generation = await generate(loaded, request, {
        signal: context.signal,
        onToken: (id) => {
          const piece = text.add(id);
          if (flags.stream) context.output.write(piece);
        },
      });
      const rest = text.finish();
      context.output.print(flags.stream ? rest : text.whole);
      context.output.note(summarize(request, generation, tokenizer));
      const { tokenIds, ...outcome } = generation;
      const prompt = { tokens: request.tokenIds.length, template };
      return {
        result: {
          model: name,
          config: configuration.name,
          decode: flags.decode,
          prompt,
          text: text.whole,
          tokens: tokenIds.length,
          ...outcome,
        },
        backend: used,
        ...(generation.finishReason === 'interrupted' && { failure: context.signal.reason as InterruptedError }),
      };
    } finally {
      backend.close();
    }
  } finally {
    model.close();
  }
}

/** What is to be generated, and the file whose template the prompt was put into. */
interface Prepared {
  request: GenerationRequest;
  template: string | null;
}

async function prepare(
  { documents, config }: StoredModel,
  tokenizer: Tokenizer,
  flags: GenerateFlags,
  { output, signal }: CommandContext,
): Promise<Prepared> {
  const template = flags.raw ? undefined : readChatTemplate(documents);
  if (!template && !flags.raw) output.note('the model has no chat template: the prompt is given to it as it is');
  const stopTokens = readStopTokens(documents, config);
  const text = flags.prompt === '-' ? await readStdin(signal) : flags.prompt;
  const { tokenIds, turnEnd } = await preparePrompt(tokenizer, { text, system: flags.system, template });
  if (turnEnd !== undefined) stopTokens.add(turnEnd);
  const { maxTokens, ctx, decode } = flags;
  const limit = maxNewTokens({ promptTokens: tokenIds.length, maxTokens, ctx }, config.maxPositionEmbeddings);
  return {
    request: { tokenIds, maxTokens: limit, stopTokens, sampling: samplingOf(flags), decode },
    template: template?.file ?? null,
  };
}

const samplingOf = ({ temp, topP, topK, seed }: GenerateFlags): Sampling => ({
  temperature: temp,
  ...(topP !== undefined && { topP }),
  ...(topK !== undefined && { topK }),
  seed,
});

function chooseConfiguration(model: StoredModel, name: string | undefined): Configuration {
  const stored = storedConfiguration(model);
  if (!stored) return parseConfiguration(name ?? DEFAULT_CONFIGURATION);
  if (name === undefined) return stored;
  throw alreadyQuantized('--config', name, model.scheme);
}

/** The text so far. */
class Text {
  whole = '';
  readonly #decoder: IncrementalDecoder;

  constructor(tokenizer: Tokenizer) {
    this.#decoder = new IncrementalDecoder((ids) => tokenizer.decode(ids, { skipSpecialTokens: true }));
  }

  add(id: number): string {
    return this.#keep(this.#decoder.push(id));
  }

  finish(): string {
    return this.#keep(this.#decoder.finish());
  }

  #keep(piece: string): string {
    this.whole += piece;
    return piece;
  }
}

function summarize(request: GenerationRequest, generation: Generation, tokenizer: Tokenizer): string {
  const { tokenIds, finishReason, stopToken, timings } = generation;
  const speed = (tokensPerSecond: number | null): string =>
    tokensPerSecond === null ? '' : ` at ${tokensPerSecond.toFixed(1)} tokens/s`;
  const ends = {
    stop: `ended by ${stopToken === null ? '' : tokenizer.decode([stopToken])}`,
    length: `ended by --max-tokens ${request.maxTokens}`,
    interrupted: 'interrupted',
  };
  const count = ({ length }: ArrayLike<number>): string => (length === 1 ? '1 token' : `${length} tokens`);
  const prompt = `prompt: ${count(request.tokenIds)}${speed(timings.prefillTokensPerSecond)}`;
  return `${prompt}; text: ${count(tokenIds)}${speed(timings.decodeTokensPerSecond)}, ${ends[finishReason]}`;
}
