import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ComparisonReport, ReportedRow } from '../compare-report.ts';
import { packagePath } from '../package-path.ts';
import { formatBytes, formatTable, left, right } from '../text.ts';

// What each method of convert brings: a model is converted by one method after the other in three schemes, and each
// result is compared with the float model on the same windows of a text that it was not calibrated with. Prints the
// change of the perplexity with its paired error, the KL divergence over the first few windows, for which the float model
// runs beside the other, and time and peak memory of the conversion.
//
//   npm run build && node dist/commands/bench/methods.js MODEL --data CALIBRATION --text TEXT
//     [--samples 32] [--windows 16] [--kl-windows 4] [--schemes w8a8,w4a8-g64,w4a8] [--only SUBSTRING] [--keep FOLDER]
//
// A row is printed when it is known. With --keep the checkpoints stay in that folder.

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string' },
    text: { type: 'string' },
    samples: { type: 'string', default: '32' },
    windows: { type: 'string', default: '16' },
    'kl-windows': { type: 'string', default: '4' },
    schemes: { type: 'string', default: 'w8a8,w4a8-g64,w4a8' },
    only: { type: 'string', default: '' },
    keep: { type: 'string' },
  },
});

const model = required(positionals.at(0), 'MODEL');
const data = required(options.data, '--data CALIBRATION');
const text = required(options.text, '--text TEXT');

function required(value: string | undefined, what: string): string {
  if (value === undefined) throw new Error(`${what} is missing`);
  return value;
}

/** From the plainest to the best, each with what it adds. */
const weightMethods = [
  '--recipe fast',
  '--method gptq --clip mse',
  '--recipe default',
  '--method gptq --clip mse --rotate',
  '--method gptq --clip mse --rotate --compensate 0.5',
  '--method gptq --clip mse --rotate --compensate 0.5 --refine 2',
  '--recipe best',
];

/** What is lost at 8 bits is lost by the activations. */
const activationMethods = [
  '--recipe fast',
  '--smooth --alpha 0.85',
  '--smooth --alpha auto',
  '--rotate',
  '--rotate --smooth --alpha auto',
  '--recipe default',
  '--recipe best',
];

const schemes: Readonly<Record<string, { flags: readonly string[]; methods: readonly string[] }>> = {
  w8a8: { flags: ['--mode', 'w8a8'], methods: activationMethods },
  'w4a8-g64': { flags: ['--mode', 'w4a8', '--gs', '64'], methods: weightMethods },
  w4a8: { flags: ['--mode', 'w4a8'], methods: weightMethods },
};

const program = packagePath('dist/bin/cider.js');
const root = options.keep ?? mkdtempSync(join(os.tmpdir(), 'cider-methods-'));

function cider(args: readonly string[]): { elapsedSeconds: number; result: unknown } {
  const run = spawnSync(process.execPath, [program, ...args, '--json', '--no-progress'], {
    encoding: 'utf8',
    maxBuffer: 1e9,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (run.status !== 0) throw new Error(`cider ${args.join(' ')}: exit code ${run.status}\n${run.stdout}`);
  return JSON.parse(run.stdout) as { elapsedSeconds: number; result: unknown };
}

const usesText = (method: string): boolean => /smooth|gptq|default|best/.test(method);

function measure(scheme: string, method: string): string[] {
  const output = join(root, `${scheme} ${method.replaceAll('--', '')}`.replaceAll(/\W+/g, '-'));
  const calibration = usesText(method) ? ['--data', data, '--samples', options.samples] : [];
  const conversion = cider([
    ...['convert', model, '-o', output, '--overwrite'],
    ...schemes[scheme].flags,
    ...method.split(' '),
    ...calibration,
  ]);
  const { peakMemoryBytes } = conversion.result as { peakMemoryBytes?: number };
  const { comparison } = compare(float, output, options.windows);
  const { divergence } = compare(model, output, options['kl-windows']);
  if (options.keep === undefined) rmSync(output, { recursive: true });
  return [
    scheme,
    method,
    comparison ? percent(Math.expm1(comparison.logRatio)) : '-',
    comparison ? percent(comparison.standardError) : '-',
    divergence ? divergence.mean.toFixed(5) : '-',
    `${conversion.elapsedSeconds.toFixed(0)} s`,
    peakMemoryBytes === undefined ? '-' : formatBytes(peakMemoryBytes),
  ];
}

/** The row of a checkpoint against a float model, or against what `eval-ppl --save` wrote of it. */
function compare(baseline: string, checkpoint: string, windows: string): ReportedRow {
  const { result } = cider([
    ...['compare', baseline, checkpoint, '--data', text, '--samples', windows, '--layer-windows', '0'],
  ]);
  return (result as ComparisonReport).rows[1];
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

const columns = [
  left('scheme'),
  left('method'),
  right('change'),
  right('± s.e.'),
  right('KL, nats'),
  right('time'),
  right('peak memory'),
];
const rows: string[][] = [];
const float = join(root, 'float.json');
try {
  cider([
    ...['eval-ppl', model, '--configs', 'fp16', '--data', text, '--samples', options.windows],
    ...['--save', float, '--overwrite'],
  ]);
  for (const scheme of options.schemes.split(',')) {
    for (const method of schemes[scheme].methods.filter((each) => each.includes(options.only))) {
      const row = measure(scheme, method);
      rows.push(row);
      console.error(row.join(' | '));
    }
  }
} finally {
  console.log(formatTable(columns, rows));
  if (options.keep === undefined) rmSync(root, { recursive: true });
}
