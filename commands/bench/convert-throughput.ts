import { mkdtempSync, openSync, closeSync, rmSync, writeFileSync, writeSync, fsyncSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openModel } from '../../quant/checkpoint/open-model.ts';
import { layoutFile } from '../../quant/checkpoint/safetensors-layout.ts';
import { workerExecutor } from '../../quant/conversion/executors.ts';
import { prepareConversion } from '../../quant/conversion/prepare.ts';
import { convert } from '../../quant/convert.ts';
import { nodeFileSystem } from '../../quant/file-system.ts';
import { noTreatment } from '../../quant/methods/treatment.ts';
import type { GroupSize, Mode } from '../../quant/schemes/scheme.ts';
import { openNativeQuantizer } from '../weight-quantizer.ts';

// How fast convert is from end to end: reading, quantizing, writing, fsync and hashing of a synthetic BF16 checkpoint
// in Llama 3.1 8B's shapes. Prints GB of BF16 input a second for 1 thread and for all cores, with the quantizer of the
// native library and with that of TypeScript.
//
//   npm run build && node dist/commands/bench/convert-throughput.js
//     [--layers 5] [--runs 3] [--shard-bytes 5e9] [--folder DIR]
//
// The hash of a file is made while the next one is filled, so that the last one's comes on top: where there are more
// files, as with large models, its share is smaller. A folder in memory, such as /dev/shm, shows the share of the program
// without that of the disk. The page cache is dropped before each run where that is allowed (root on Linux); the output
// says whether it was.

const { values: options } = parseArgs({
  options: {
    layers: { type: 'string', default: '5' },
    runs: { type: 'string', default: '3' },
    'shard-bytes': { type: 'string', default: '5e9' },
    folder: { type: 'string', default: os.tmpdir() },
  },
});

const [hidden, intermediate, kv] = [4096, 14336, 1024];
const layers = Number(options.layers);

function makeCheckpoint(folder: string): void {
  const matrix = (name: string, rows: number, columns: number) =>
    ({ name, dtype: 'BF16', shape: [rows, columns] }) as const;
  const vector = (name: string) => ({ name, dtype: 'BF16', shape: [hidden] }) as const;
  const tensors = Array.from({ length: layers }, (_, i) => `model.layers.${i}`).flatMap((layer) => [
    matrix(`${layer}.self_attn.q_proj.weight`, hidden, hidden),
    matrix(`${layer}.self_attn.k_proj.weight`, kv, hidden),
    matrix(`${layer}.self_attn.v_proj.weight`, kv, hidden),
    matrix(`${layer}.self_attn.o_proj.weight`, hidden, hidden),
    matrix(`${layer}.mlp.gate_proj.weight`, intermediate, hidden),
    matrix(`${layer}.mlp.up_proj.weight`, intermediate, hidden),
    matrix(`${layer}.mlp.down_proj.weight`, hidden, intermediate),
    vector(`${layer}.input_layernorm.weight`),
    vector(`${layer}.post_attention_layernorm.weight`),
  ]);
  const all = [...tensors, matrix('model.embed_tokens.weight', 1024, hidden), vector('model.norm.weight')];
  const layout = layoutFile(all);
  const fd = openSync(join(folder, 'model.safetensors'), 'w');
  writeSync(fd, layout.header);
  const noise = gaussianBf16(1 << 22);
  let left = layout.fileBytes - layout.header.length;
  while (left > 0) left -= writeSync(fd, noise, 0, Math.min(noise.length, left));
  fsyncSync(fd);
  closeSync(fd);
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: hidden,
    intermediate_size: intermediate,
    num_hidden_layers: layers,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    vocab_size: 1024,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
}

/** Values of a trained weight's spread, from the sum of four uniform numbers of a linear congruential generator. */
function gaussianBf16(count: number): Uint8Array {
  const bits = new Uint32Array(new Float32Array(count).buffer);
  const floats = new Float32Array(bits.buffer);
  let state = 1;
  const uniform = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  for (let i = 0; i < count; i++) floats[i] = 0.02 * (uniform() + uniform() + uniform() + uniform() - 2);
  return new Uint8Array(Uint16Array.from(bits, (word) => word >>> 16).buffer);
}

function dropPageCache(): boolean {
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '1');
    return true;
  } catch {
    return false;
  }
}

type Quantizer = 'libcider' | 'TypeScript';

async function measure(
  folder: string,
  mode: Mode,
  groupSize: GroupSize,
  threads: number,
  quantizer: Quantizer,
): Promise<number> {
  const output = join(folder, 'out');
  rmSync(output, { recursive: true, force: true });
  const model = openModel(join(folder, 'in'));
  const native = quantizer === 'libcider' ? await openNativeQuantizer(threads) : undefined;
  const executor = workerExecutor(threads, native?.quantize);
  const started = performance.now();
  const conversion = prepareConversion(nodeFileSystem, model, {
    mode,
    groupSize,
    clip: { kind: 'minmax' },
    ignore: [],
    onIndivisible: 'error',
    maxShardBytes: Number(options['shard-bytes']),
    treatment: noTreatment,
  });
  await convert(conversion, {
    fileSystem: nodeFileSystem,
    output,
    executor,
    owner: { pid: process.pid, host: os.hostname(), isAlive: () => true },
    version: 'bench',
    signal: new AbortController().signal,
    overwrite: false,
    resume: false,
    onNote: () => undefined,
    onProgress: () => undefined,
  });
  const seconds = (performance.now() - started) / 1000;
  await executor.close();
  await native?.close();
  model.close();
  return conversion.bytes.in / 1e9 / seconds;
}

const folder = mkdtempSync(join(options.folder, 'cider-bench-'));
try {
  nodeFileSystem.makeFolder(join(folder, 'in'));
  makeCheckpoint(join(folder, 'in'));
  const cold = dropPageCache();
  console.log(
    `${os.cpus()[0].model}, Node ${process.version}, ${layers} layers, page cache ${cold ? 'dropped' : 'warm'}`,
  );
  for (const [mode, groupSize] of [
    ['w8a8', 0],
    ['w8a8', 128],
    ['w4a8', 128],
  ] as const) {
    for (const threads of [1, os.availableParallelism()]) {
      for (const quantizer of ['libcider', 'TypeScript'] as const) {
        const rates: number[] = [];
        for (let run = 0; run < Number(options.runs); run++) {
          dropPageCache();
          rates.push(await measure(folder, mode, groupSize, threads, quantizer));
        }
        rates.sort((a, b) => a - b);
        const [low, median, high] = [rates[0], rates[rates.length >> 1], rates[rates.length - 1]].map((rate) =>
          rate.toFixed(2),
        );
        console.log(
          `${mode} gs ${groupSize}, ${quantizer}, threads: ${threads}: median ${median} GB/s (${low} … ${high})`,
        );
      }
    }
  }
  console.log(`peak resident memory: ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
