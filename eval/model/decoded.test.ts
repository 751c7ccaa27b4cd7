import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packagePath } from '../../commands/package-path.ts';
import { openReferenceBackend } from '../../kernels/reference/backend.ts';
import { openModel } from '../../quant/checkpoint/open-model.ts';
import { runCli } from '../../testing/run-cli.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { decodedAs, parseConfiguration, storedConfiguration, type Configuration } from './configurations.ts';
import { loadModel } from './load.ts';
import type { DecoderModel } from './model.ts';

const bundled = packagePath('fixtures/tiny-qwen3');
const tokenIds = Int32Array.from({ length: 16 }, (_, i) => (i * i * 7 + 3) % 50);

async function load(folder: string, configuration: Configuration): Promise<DecoderModel> {
  const model = openModel(folder);
  try {
    return await loadModel(model, openReferenceBackend(), configuration);
  } finally {
    model.close();
  }
}

/** Largest difference of the logits after each token: all in one pass, and one token at a time by default decoding. */
async function distance(folder: string, onePass: Configuration, stepwise: Configuration): Promise<number> {
  const [whole, single] = [await load(folder, onePass), await load(folder, stepwise)];
  const { vocabSize } = whole.config;
  const logits = await whole.logits(tokenIds);
  const sequence = single.startSequence(tokenIds.length);
  let largest = 0;
  for (const [token, id] of tokenIds.entries()) {
    const step = await sequence.decodeStep(id);
    const row = logits.subarray(token * vocabSize, (token + 1) * vocabSize);
    largest = Math.max(largest, ...row.map((logit, i) => Math.abs(logit - step[i])));
  }
  expect(whole.modelBytes).toBe(single.modelBytes);
  whole.close();
  single.close();
  return largest;
}

/** The sums are f32 in another order; quantized activations are a hundred times as far away. */
const TOLERANCE = 2e-3;

describe('decodedAs', () => {
  it.each(['w8a8', 'w8a8-g128', 'w4a8-g64'])('gives whole windows of %s the arithmetic of decoding', async (name) => {
    const configuration = parseConfiguration(name);
    expect(
      await distance(bundled, decodedAs(configuration, 'w8a16', { tensors: new Map() }), configuration),
    ).toBeLessThan(TOLERANCE);
    expect(await distance(bundled, configuration, configuration)).toBeGreaterThan(10 * TOLERANCE);
  });

  it('does so for a converted checkpoint', async () => {
    const out = join(temporaryFolder(), 'out');
    await runCli(['convert', bundled, '-o', out, '--mode', 'w4a8', '--gs', '32']);
    const stored = openModel(out);
    stored.close();
    const configuration = storedConfiguration(stored);
    if (!configuration) throw new Error('the output is not quantized');
    const decoded = decodedAs(configuration, 'w8a16', stored);
    expect(decoded.name).toBe('w4a8-g32-decode');
    expect(await distance(out, decoded, configuration)).toBeLessThan(TOLERANCE);
  });
});
