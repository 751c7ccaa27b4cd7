import { createHash } from 'node:crypto';
import type { BackendInfo } from '../kernels/backend.ts';
import type { EvaluationRequest } from './evaluate.ts';
import type { Fingerprint } from './evaluation-journal-file.ts';
import type { Window } from './perplexity/protocol.ts';

/** Everything that decides what `evaluate` gives, but for its times. Files of weights count by name, size and time. */
export function fingerprintOf(request: EvaluationRequest, backend: BackendInfo, version: string): Fingerprint {
  const { model, configurations, text, divergence = false } = request;
  return {
    version,
    model: model.path,
    files: model.files.map(({ name, bytes, mtimeMs }) => `${name} ${bytes} ${mtimeMs}`).join(', '),
    config: createHash('sha256')
      .update(model.config.text)
      .update(model.scheme ?? '')
      .digest('hex')
      .slice(0, 16),
    protocol: JSON.stringify(text.protocol),
    tokens: hashTokens(text.windows).slice(0, 16),
    configurations: configurations.map(({ name }) => name).join(','),
    divergence: String(divergence),
    backend: `${backend.name} ${backend.isa}`,
  };
}

function hashTokens(windows: readonly Window[]): string {
  const hash = createHash('sha256');
  for (const { tokenIds } of windows) hash.update(tokenIds);
  return hash.digest('hex');
}
