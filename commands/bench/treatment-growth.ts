import { spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Estimate } from '../../eval/calibration/estimate.ts';
import { modelTensors } from '../../quant/checkpoint/architecture.ts';
import { readModelConfig } from '../../quant/checkpoint/hf-config.ts';
import { layoutFile } from '../../quant/checkpoint/safetensors-layout.ts';
import { writeSafetensors } from '../../quant/checkpoint/safetensors-writer.ts';
import { packagePath } from '../package-path.ts';
import { formatBytes, formatSeconds, formatTable, right } from '../text.ts';

// How time and memory of the best recipe grow with a model, against what `--dry-run` says before: models of one layer in
// Llama 3.1 8B's proportions (intermediate = 3.5 · hidden, a quarter of the heads for keys and values), with random
// weights, calibrated on the bundled text. The last row is what the estimate says of all 32 layers of an 8B model with 128
// windows of 512 tokens, times what the widest measured model took more or less than its estimate.
//
//   npm run build && node dist/commands/bench/treatment-growth.js [--widths 512,1024,2048] [--mode w8a8] [--recipe best]

const { values: options } = parseArgs({
  options: {
    widths: { type: 'string', default: '512,1024,2048' },
    mode: { type: 'string', default: 'w8a8' },
    recipe: { type: 'string', default: 'best' },
  },
});

const SAMPLES = 10;
const HEAD_DIM = 128;
const bundled = packagePath('fixtures/tiny-qwen3');
const program = packagePath('dist/bin/cider.js');
const root = mkdtempSync(join(os.tmpdir(), 'cider-growth-'));

/** Writes what `convert` needs of a model beside its weights. */
function makeModel(name: string, hidden: number, layers: number, vocabulary: number): string {
  const folder = mkdtempSync(join(root, `${name}-`));
  const heads = hidden / HEAD_DIM;
  const config = {
    model_type: 'llama',
    hidden_size: hidden,
    intermediate_size: 3.5 * hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: Math.max(1, heads / 4),
    head_dim: HEAD_DIM,
    vocab_size: vocabulary,
    max_position_embeddings: 8192,
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) copyFileSync(join(bundled, file), join(folder, file));
  return folder;
}

function writeWeights(folder: string): void {
  const tensors = modelTensors(readModelConfig(folder)).map(({ name, shape }, seed) => {
    const values = new Uint16Array(shape.reduce((product, length) => product * length, 1));
    // BF16 of magnitude 2^-8 to 2^-5, of either sign.
    for (let i = 0; i < values.length; i++) {
      const mixed = Math.imul(i ^ (i >>> 9) ^ (seed << 20), 0x9e3779b1) >>> 0;
      values[i] = ((mixed & 1) << 15) | ((119 + ((mixed >>> 8) & 3)) << 7) | ((mixed >>> 16) & 0x7f);
    }
    return { name, dtype: 'BF16' as const, shape, data: new Uint8Array(values.buffer) };
  });
  writeSafetensors(join(folder, 'model.safetensors'), tensors);
}

/** A file of the right size without contents, which is enough for a dry run and takes no disk. */
function writeHollowWeights(folder: string): void {
  const tensors = modelTensors(readModelConfig(folder)).map(
    ({ name, shape }) => ({ name, dtype: 'BF16', shape }) as const,
  );
  const { header, fileBytes } = layoutFile(tensors);
  const fd = openSync(join(folder, 'model.safetensors'), 'w');
  writeSync(fd, header);
  ftruncateSync(fd, fileBytes);
  closeSync(fd);
}

interface Result {
  peakMemoryBytes: number;
  estimate: Estimate;
}

function convert(folder: string, flags: readonly string[]): { elapsedSeconds: number; result: Result } {
  const args = ['convert', folder, '-o', `${folder}-out`, '--mode', options.mode, '--recipe', options.recipe];
  const text = ['--data', packagePath('fixtures/heldout.txt'), '--seq-len', '512'];
  const run = spawnSync(process.execPath, [program, ...args, ...text, ...flags, '--json', '--no-progress'], {
    encoding: 'utf8',
    maxBuffer: 1e9,
  });
  if (run.status !== 0) throw new Error(`${run.stdout}${run.stderr}`);
  return JSON.parse(run.stdout) as { elapsedSeconds: number; result: Result };
}

const columns = ['hidden', 'layers', 'windows', 'time', 'estimated', 'peak memory', 'estimated'].map(right);
const rows: string[][] = [];
try {
  let ratio = { seconds: 1, bytes: 1 };
  for (const hidden of options.widths.split(',').map(Number)) {
    const folder = makeModel(String(hidden), hidden, 1, 1536);
    writeWeights(folder);
    const { estimate } = convert(folder, ['--samples', String(SAMPLES), '--dry-run']).result;
    const { elapsedSeconds, result } = convert(folder, ['--samples', String(SAMPLES)]);
    ratio = {
      seconds: elapsedSeconds / estimate.seconds,
      bytes: result.peakMemoryBytes / estimate.memoryBytes,
    };
    rows.push([
      ...[hidden, 1, SAMPLES].map(String),
      formatSeconds(elapsedSeconds),
      formatSeconds(estimate.seconds),
      formatBytes(result.peakMemoryBytes),
      formatBytes(estimate.memoryBytes),
    ]);
    console.error(rows[rows.length - 1].join(' | '));
    for (const path of [folder, `${folder}-out`]) rmSync(path, { recursive: true });
  }
  const large = makeModel('8b', 4096, 32, 128_256);
  writeHollowWeights(large);
  const { estimate } = convert(large, ['--samples', '128', '--dry-run']).result;
  rows.push([
    ...[4096, 32, 128].map(String),
    `${formatSeconds(ratio.seconds * estimate.seconds)} extrapolated`,
    formatSeconds(estimate.seconds),
    `${formatBytes(ratio.bytes * estimate.memoryBytes)} extrapolated`,
    formatBytes(estimate.memoryBytes),
  ]);
  console.log(formatTable(columns, rows));
  console.log(
    `measured / estimated at the last width: time ${ratio.seconds.toFixed(2)}, memory ${ratio.bytes.toFixed(2)}`,
  );
} finally {
  rmSync(root, { recursive: true });
}
