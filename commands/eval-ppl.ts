import { Command, Option } from 'commander';
import { loadText, parseTextSource } from '../eval/datasets/load-text.ts';
import { evaluate, type EvaluationRequest, type EvaluationRow } from '../eval/evaluate.ts';
import {
  configurations,
  parseConfiguration,
  storedConfiguration,
  type Configuration,
} from '../eval/model/configurations.ts';
import { loadTokenizer } from '../eval/model/tokenizer.ts';
import { prepareText, type Protocol } from '../eval/perplexity/protocol.ts';
import { Checkpoint } from '../quant/checkpoint/checkpoint.ts';
import { readQuantization } from '../quant/checkpoint/compressed-tensors-parse.ts';
import { readModelConfig, type ModelConfig } from '../quant/checkpoint/hf-config.ts';
import { UsageError } from '../quant/errors.ts';
import { backendOptions, openBackend, type BackendFlags, type OpenedBackend } from './backend.ts';
import { integerIn } from './options.ts';
import { packagePath } from './package-path.ts';
import { runCommand, type CommandContext, type CommandOutcome, type SharedFlags } from './run-command.ts';
import { formatBytes, formatTable, left, printable, right } from './text.ts';

interface EvalFlags extends SharedFlags, BackendFlags {
  configs?: string[];
  data?: string;
  ctx?: number;
  samples?: number;
}

const BUNDLED_MODEL = 'fixtures/tiny-qwen3';
const BUNDLED_TEXT = 'fixtures/heldout.txt';
const DEFAULT_CONFIGURATIONS = ['fp16', 'w8a16', 'w8a8', 'w8a8-g64', 'w8a8-g128', 'w4a8'];

/** Of the protocol: what the GPTQ, SmoothQuant and AWQ papers use. */
const DEFAULT_CTX = 2048;

/** Far above any context that a model has. */
const MAX_CTX = 2 ** 24;

const examples = `
Examples:
  cider eval-ppl
  cider eval-ppl model/ --data wikitext2
  cider eval-ppl model/ --data text.txt --configs fp16,w8a8 --ctx 1024 --samples 8
  cider eval-ppl model-w8a8/ --data text.txt`;

export function evalPplCommand(): Command {
  const command = new Command('eval-ppl')
    .summary('measure what quantization costs: perplexity by configuration')
    .description(
      'Measure the perplexity of a model in several configurations. A float model is quantized while it is loaded; a ' +
        'converted one is taken as it is. Without a model: the bundled one on the bundled text.',
    )
    .argument('[model]', 'folder of a checkpoint')
    .addOption(
      new Option(
        '--configs <list>',
        `comma-separated, of: ${configurations.map(({ name }) => name).join(', ')} (default: ${DEFAULT_CONFIGURATIONS.join(',')})`,
      ).argParser((text) => text.split(',').map((name) => name.trim())),
    )
    .option(
      '--data <source>',
      'wikitext2, or a .txt, .jsonl (member "text") or .raw (WikiText) file (default: wikitext2)',
    )
    .addOption(
      new Option(
        '--ctx <n>',
        `tokens in a window (default: ${DEFAULT_CTX}, or the model's maximum if that is less)`,
      ).argParser(integerIn(2, MAX_CTX)),
    )
    .addOption(
      new Option('--samples <n>', 'windows to use, from the start (default: all)').argParser(integerIn(1, MAX_CTX)),
    )
    .addHelpText('after', examples)
    .action((model: string | undefined, flags: EvalFlags) =>
      runCommand('eval-ppl', flags, (context) => run(model, flags, context)),
    );
  for (const option of backendOptions()) command.addOption(option);
  return command;
}

async function run(model: string | undefined, flags: EvalFlags, context: CommandContext): Promise<CommandOutcome> {
  const checkpoint = Checkpoint.open(model ?? packagePath(BUNDLED_MODEL));
  try {
    const config = readModelConfig(checkpoint.folder);
    const request = {
      checkpoint,
      config,
      configurations: chooseConfigurations(config, flags.configs),
      ctx: chooseCtx(config, flags.ctx),
    };
    // Before the text, which may take long to encode.
    const opened = await openBackend(flags, context.output);
    try {
      return await evaluateOn(opened, request, model, flags, context);
    } finally {
      opened.backend.close();
    }
  } finally {
    checkpoint.close();
  }
}

interface Request extends Omit<EvaluationRequest, 'windows'> {
  ctx: number;
}

async function evaluateOn(
  { backend, used }: OpenedBackend,
  { ctx, ...request }: Request,
  model: string | undefined,
  flags: EvalFlags,
  { output, signal }: CommandContext,
): Promise<CommandOutcome> {
  const { checkpoint, config, configurations: chosen } = request;
  const source = flags.data ?? (model === undefined ? packagePath(BUNDLED_TEXT) : 'wikitext2');
  const text = loadText(parseTextSource(source), { wikitext2Path: process.env['CIDER_WIKITEXT2'] });
  const tokenizer = loadTokenizer(checkpoint.folder, { vocabSize: config.vocabSize });
  const ids = await tokenizer.encodeLong(text.text);
  const { windows, protocol } = prepareText(ids, tokenizer.prefixIds, text.sha256, { ctx, samples: flags.samples });
  for (const note of groupNotes(config, chosen)) output.note(note);

  const total = chosen.length * windows.length;
  const progress = output.progress({ label: 'eval-ppl', total, unit: 'windows' });
  try {
    const rows = await evaluate({ ...request, windows }, backend, {
      signal,
      onWindow: (configuration, done, perplexity) => {
        progress.update(done, `${configuration} ${perplexity.toFixed(3)}`);
      },
    });
    progress.finish();
    const name = model ?? 'tiny-qwen3 (bundled)';
    output.print(describe(name, text.name, protocol, rows));
    return { result: { model: name, data: text.name, protocol, rows }, backend: used };
  } finally {
    progress.finish();
  }
}

function chooseConfigurations(config: ModelConfig, names: readonly string[] | undefined): readonly Configuration[] {
  const stored = readQuantization(config.raw);
  if (!stored) return (names ?? DEFAULT_CONFIGURATIONS).map(parseConfiguration);
  if (names) {
    throw new UsageError(
      `--configs ${names.join(',')}: the checkpoint is quantized (${stored.mode}) and is taken as it is`,
      {
        code: 'E_ALREADY_QUANTIZED',
        hint: 'leave --configs away, or give the float checkpoint',
        details: { value: names, scheme: stored.mode },
      },
    );
  }
  return [storedConfiguration(stored)];
}

function chooseCtx({ maxPositionEmbeddings: limit }: ModelConfig, wanted: number | undefined): number {
  if (wanted === undefined) return Math.min(DEFAULT_CTX, limit);
  if (wanted <= limit) return wanted;
  throw new UsageError(`--ctx ${wanted}: the model was made for at most ${limit} positions`, {
    code: 'E_CTX_TOO_LARGE',
    hint: `use --ctx ${limit} or less`,
    details: { value: wanted, limit },
  });
}

/** Files must have whole groups; here the last group of a row may be shorter, which the reader of the table should know. */
function groupNotes(config: ModelConfig, chosen: readonly Configuration[]): string[] {
  const widths = [config.hiddenSize, config.heads * config.headDim, config.intermediateSize];
  return chosen.flatMap((configuration) => {
    const groupSize = configuration.kind === 'integer' ? configuration.scheme.groupSize : 0;
    const uneven = groupSize > 0 ? widths.filter((width) => width % groupSize !== 0) : [];
    if (uneven.length === 0) return [];
    return [
      `${configuration.name}: K = ${[...new Set(uneven)].join(', ')} end in a shorter group; convert needs another --gs`,
    ];
  });
}

function describe(model: string, data: string, protocol: Protocol, rows: readonly EvaluationRow[]): string {
  const table = formatTable(
    [
      left('config'),
      right('perplexity'),
      right('change'),
      right('seconds'),
      right('tokens/s'),
      right('peak memory'),
      right('weights'),
    ],
    rows.map((row, index) => [
      row.config,
      `${row.perplexity.toFixed(4)} ± ${row.standardError.toFixed(4)}`,
      index === 0 ? '' : `${row.deltaPercent >= 0 ? '+' : ''}${row.deltaPercent.toFixed(2)} %`,
      row.seconds.toFixed(2),
      row.tokensPerSecond.toFixed(0),
      formatBytes(row.peakMemoryBytes),
      formatBytes(row.modelBytes),
    ]),
  );
  const { ctx, windows, tokens, bos, textSha256 } = protocol;
  return [
    `model     ${printable(model)}`,
    `text      ${printable(data)}, SHA-256 ${textSha256}`,
    `protocol  GPTQ style: ${windows} windows of ${ctx} of ${tokens} tokens, ${ctx - 1} scored in each, BOS: ${bos ? 'at the start of the text' : 'none'}`,
    '',
    table,
  ].join('\n');
}
