import { parseConfiguration, storedConfiguration, type Configuration } from '../eval/model/configurations.ts';
import { DECODE_STEPS, measureSpeed, type SpeedRow } from '../eval/model-speed.ts';
import type { ModelConfig } from '../quant/checkpoint/hf-config.ts';
import type { StoredModel } from '../quant/checkpoint/stored-model.ts';
import { UsageError } from '../quant/errors.ts';
import { alreadyQuantized } from './already-quantized.ts';
import { openBackend } from './backend.ts';
import type { BenchFlags } from './bench-flags.ts';
import { formatFigure, markdownTable } from './bench-tables.ts';
import { resolveModel } from './model-argument.ts';
import { openInput } from './open-input.ts';
import type { CommandContext, CommandOutcome } from './run-command.ts';
import { formatTable, type Column } from './text.ts';

export const DEFAULT_CONFIGURATIONS: readonly string[] = ['fp16', 'w8a16', 'w8a8', 'w8a8-g128', 'w4a8-g128'];
export const DEFAULT_PROMPTS: readonly number[] = [128, 512, 2048];

/** Times prefill and decode of a model. */
export async function benchModel(
  argument: string,
  flags: BenchFlags,
  context: CommandContext,
): Promise<CommandOutcome> {
  const { output, signal } = context;
  const { path, name } = await resolveModel(argument, context);
  const model = openInput(path, context);
  try {
    const configurations = chooseConfigurations(model, flags.configs);
    const tokens = choosePrompts(model.config, flags, output.warn.bind(output));
    const { backend, used } = await openBackend(flags, output);
    const total = 2 * configurations.length * tokens.length;
    const progress = output.progress({ label: 'bench', total, unit: 'measurements' });
    try {
      let done = 0;
      const { decode, warmup, repetitions } = flags;
      const request = { model, configurations, tokens, decode, warmup, repetitions };
      const rows = await measureSpeed(request, backend, {
        signal,
        onRow: ({ config: name, phase, tokens: length }) => {
          progress.update(++done, `${name} ${phase}, ${length} tokens`);
        },
      });
      progress.finish();
      output.print(describeSpeed(rows, flags.format));
      output.note(
        `${used.name} ${used.isa}, threads: ${used.threads}; tokens a second by the median of ${repetitions} prompts and ` +
          `${DECODE_STEPS} tokens after each, after ${warmup} of each; single rows by ${decode}`,
      );
      return { result: { model: name, threads: used.threads, decode, rows }, backend: used };
    } finally {
      progress.finish();
      backend.close();
    }
  } finally {
    model.close();
  }
}

function chooseConfigurations(model: StoredModel, names: readonly string[] | undefined): readonly Configuration[] {
  const stored = storedConfiguration(model);
  if (!stored) return (names ?? DEFAULT_CONFIGURATIONS).map(parseConfiguration);
  if (!names) return [stored];
  throw alreadyQuantized('--configs', names, model.scheme);
}

/** Prompts after which there is room for the tokens that are generated. */
function choosePrompts(
  { maxPositionEmbeddings: limit }: ModelConfig,
  { tokens, warmup }: BenchFlags,
  warn: (text: string) => void,
): readonly number[] {
  const wanted = tokens ?? DEFAULT_PROMPTS;
  const fitting = wanted.filter((length) => length + warmup + DECODE_STEPS <= limit);
  const left = wanted.filter((length) => !fitting.includes(length));
  if (left.length === 0) return fitting;
  const reason = `${left.join(', ')} tokens and ${warmup + DECODE_STEPS} more are too many for the ${limit} positions of the model`;
  if (fitting.length > 0 && !tokens) {
    warn(reason);
    return fitting;
  }
  throw new UsageError(`--tokens ${wanted.join(',')}: ${reason}`, {
    code: 'E_CTX_TOO_LARGE',
    hint: `use --tokens ${Math.max(1, limit - warmup - DECODE_STEPS)} or less`,
    details: { limit },
  });
}

/** A line a configuration, a column a phase and length. */
function describeSpeed(rows: readonly SpeedRow[], format: BenchFlags['format']): string {
  if (format === 'csv') {
    const lines = rows.map((row) => [row.config, row.phase, row.tokens, row.tokensPerSecond.toPrecision(6)].join(','));
    return ['config,phase,tokens,tokensPerSecond', ...lines].join('\n');
  }
  const keyOf = ({ phase, tokens }: SpeedRow): string => `${phase} ${tokens}`;
  const columns = (['prefill', 'decode'] as const).flatMap((phase) => [
    ...new Set(rows.filter((row) => row.phase === phase).map(keyOf)),
  ]);
  const cells = [...new Set(rows.map(({ config }) => config))].map((config) => [
    config,
    ...columns.map((column) => {
      const row = rows.find((each) => each.config === config && keyOf(each) === column);
      return row ? formatFigure(row.tokensPerSecond) : '';
    }),
  ]);
  const titles = ['tokens/s', ...columns];
  if (format === 'md') return markdownTable(titles, cells);
  return formatTable(
    titles.map((title, i): Column => ({ title, align: i === 0 ? 'left' : 'right' })),
    cells,
  );
}
