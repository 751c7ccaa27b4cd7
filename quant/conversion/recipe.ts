import { createHash } from 'node:crypto';
import type { Conversion } from './prepare.ts';
import type { Fingerprint } from './state.ts';

/** What was asked for, as the manifest of the output records it: all that decides its bytes but the input itself. */
export function recipeOf({ request, model }: Conversion): Record<string, unknown> {
  const { mode, groupSize, clip, ignore, onIndivisible, maxShardBytes, treatment, calibration, recipe } = request;
  const { format = 'compressed-tensors', quantizeEmbeddings = false, repack = false } = request;
  const clipText = clip.kind === 'percentile' ? `percentile=${clip.percentile}` : clip.kind;
  const { rotation, smoothing, rounding } = treatment;
  return {
    ...(recipe !== undefined && { recipe }),
    ...(model.scheme !== undefined && { [repack ? 'repacked' : 'dequantized']: `${model.format}: ${model.scheme}` }),
    ...(mode === 'float' ? { mode } : { mode, groupSize, clip: clipText, ignore, onIndivisible }),
    ...(mode !== 'float' && format !== 'compressed-tensors' && { format, quantizeEmbeddings }),
    maxShardBytes,
    ...(rotation && { rotation }),
    ...(smoothing && { smoothing }),
    ...(rounding.kind !== 'nearest' && { rounding }),
    ...(calibration && { calibration }),
  };
}

/** Recipe, version and input in a form that two runs can compare. Files count by name, size and time. */
export function fingerprintOf(conversion: Conversion, version: string): Fingerprint {
  const inputs = [
    ...conversion.model.files.map(({ name, bytes, mtimeMs }) => `${name} ${bytes} ${mtimeMs}`),
    ...conversion.copied.map(({ name, source }) => `${name} ${source.fileBytes} ${source.fileMtimeMs}`),
  ];
  const recipe = Object.entries(recipeOf(conversion)).map(([name, value]) => [name, JSON.stringify(value)] as const);
  const config = createHash('sha256');
  for (const [, content] of conversion.documents) config.update(content);
  return {
    version,
    input: inputs.join(', '),
    config: config.digest('hex').slice(0, 16),
    ...Object.fromEntries(recipe),
  };
}
