// cider's kernels beside oneDNN's and llama.cpp's on this machine, as Markdown.
//
//   node kernels/bench/peers/compare.mjs --onednn ./onednn --ggml ./ggml --libraries DIR \
//     [--shape 4096x4096,…] [-m 1,8,…] [--threads 2] [--rounds 3] [--ratios a/b,…]
//
// onednn.cpp and ggml.cpp say how the programs are built and where the libraries come from; either may be left away.
// The programs take turns, a shape at a time, and a ratio is that of figures of the same round, so that a machine that
// slows down slows all of them: medians over the rounds, with the least and the largest. Of ggml the fastest buffer
// type counts. Billions of operations a second; weights come from memory.
import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const CIDER = new URL('../../../dist/bin/cider.js', import.meta.url).pathname;

const { values: options } = parseArgs({
  options: {
    onednn: { type: 'string' },
    ggml: { type: 'string' },
    libraries: { type: 'string' },
    shape: { type: 'string', default: '4096x4096,10240x2560,2560x10240' },
    m: { type: 'string', short: 'm', default: '1,8,32,128,512,2048' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    ratios: {
      type: 'string',
      default: 'w8a8/onednn u8s8,w8a8/ggml q8_0,w4a8-g128/ggml q4_0,w8a8/bf16,bf16/onednn bf16',
    },
  },
});

const shapes = options.shape.split(',');
const rowCounts = options.m.split(',');

/** [name, M, GOPS] of each line that cider's bench gives. */
function measureCider(shape) {
  const flags = ['--shape', shape, '-m', options.m, '--gs', '128', '--threads', options.threads, '--json'];
  const { result } = JSON.parse(run(process.execPath, [CIDER, 'bench', ...flags]));
  return result.rows.map(({ kernel, m, gops }) => [kernel, m, gops]);
}

/** The same of a program that prints columns: name (of several words), N, K, M, milliseconds, GOPS. */
function measurePeer(program, programArguments, nameOf, environment = {}) {
  const lines = run(program, programArguments, environment).trim().split('\n').slice(1);
  return lines.map((line) => {
    const words = line.trim().split(/\s+/);
    const [m, , gops] = words.slice(-3).map(Number);
    return [nameOf(words.slice(0, -5)), m, gops];
  });
}

function run(program, programArguments, environment = {}) {
  return execFileSync(program, programArguments, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
  });
}

/** One round: name -> M -> the best GOPS under that name. */
function measure(shape) {
  const found = measureCider(shape);
  if (options.onednn) {
    const environment = { OMP_WAIT_POLICY: 'active', OMP_NUM_THREADS: options.threads };
    found.push(...measurePeer(options.onednn, [options.m, shape], (words) => words.join(' '), environment));
  }
  if (options.ggml) {
    const peerArguments = [options.libraries, options.threads, options.m, shape];
    found.push(...measurePeer(options.ggml, peerArguments, (words) => words.slice(0, 2).join(' ')));
  }
  const best = new Map();
  for (const [name, m, gops] of found) {
    if (!best.has(name)) best.set(name, new Map());
    best.get(name).set(m, Math.max(gops, best.get(name).get(m) ?? 0));
  }
  return best;
}

/** Median with least and largest, rounded by `format`. */
function summary(samples, format) {
  const sorted = samples.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return '';
  const [least, median, largest] = [0, 0.5, 1].map((part) => format(sorted[Math.floor(part * (sorted.length - 1))]));
  return least === largest ? median : `${median} (${least}-${largest})`;
}

function printTable(title, rows, cell) {
  console.log(`\n| ${title} | ${rowCounts.map((m) => `M = ${m}`).join(' | ')} |`);
  console.log(`|---|${'---:|'.repeat(rowCounts.length)}`);
  for (const row of rows) console.log(`| ${row} | ${rowCounts.map((m) => cell(row, Number(m))).join(' | ')} |`);
}

for (const shape of shapes) {
  const rounds = Array.from({ length: Number(options.rounds) }, () => measure(shape));
  const names = [...rounds[0].keys()];
  printTable(`${shape}, GOPS`, names, (name, m) =>
    summary(
      rounds.map((round) => round.get(name)?.get(m)),
      (gops) => gops.toFixed(gops < 100 ? 1 : 0),
    ),
  );
  const ratios = options.ratios.split(',').filter((ratio) => ratio.split('/').every((name) => names.includes(name)));
  printTable(`${shape}, ratio`, ratios, (ratio, m) => {
    const [a, b] = ratio.split('/');
    return summary(
      rounds.map((round) => round.get(a).get(m) / round.get(b).get(m)),
      (value) => value.toFixed(2),
    );
  });
}
