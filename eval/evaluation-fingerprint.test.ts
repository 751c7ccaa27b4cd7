import { expect, it } from 'vitest';
import { openReferenceBackend } from '../kernels/reference/backend.ts';
import { packagePath } from '../commands/package-path.ts';
import { openModel } from '../quant/checkpoint/open-model.ts';
import type { EvaluationRequest } from './evaluate.ts';
import { fingerprintOf } from './evaluation-fingerprint.ts';
import { parseConfiguration } from './model/configurations.ts';
import type { Protocol, Window } from './perplexity/protocol.ts';

const window: Window = { tokenIds: Int32Array.of(1, 2, 3), firstTarget: 1, weight: 1, units: 2 };
const protocol: Protocol = { name: 'gptq', ctx: 3, windows: 1, tokens: 3, scored: 2, bos: false, textSha256: 'ab' };

it('changes with all that decides a result, and with nothing else', () => {
  const model = openModel(packagePath('fixtures/tiny-qwen3'));
  model.close();
  const { info } = openReferenceBackend();
  const request: EvaluationRequest = {
    model,
    configurations: [parseConfiguration('fp16')],
    text: { protocol, windows: [window] },
  };
  const original = fingerprintOf(request, info, '1.0.0');
  const again = fingerprintOf({ ...request, divergence: false }, { ...info, threads: 7 }, '1.0.0');
  expect(again).toEqual(original);
  const otherTokens = { protocol, windows: [{ ...window, tokenIds: Int32Array.of(1, 2, 4) }] };
  for (const [member, changed] of [
    ['version', fingerprintOf(request, info, '1.0.1')],
    ['backend', fingerprintOf(request, { ...info, isa: 'avx2' }, '1.0.0')],
    [
      'config',
      fingerprintOf({ ...request, model: { ...model, config: { ...model.config, text: '{}' } } }, info, '1.0.0'),
    ],
    ['config', fingerprintOf({ ...request, model: { ...model, scheme: 'w8a8' } }, info, '1.0.0')],
    ['files', fingerprintOf({ ...request, model: { ...model, files: [] } }, info, '1.0.0')],
    ['divergence', fingerprintOf({ ...request, divergence: true }, info, '1.0.0')],
    ['configurations', fingerprintOf({ ...request, configurations: [parseConfiguration('w8a8')] }, info, '1.0.0')],
    ['tokens', fingerprintOf({ ...request, text: otherTokens }, info, '1.0.0')],
    [
      'protocol',
      fingerprintOf(
        { ...request, text: { protocol: { ...protocol, textSha256: 'cd' }, windows: [window] } },
        info,
        '1.0.0',
      ),
    ],
  ] as const) {
    const differing = Object.keys(original).filter((name) => original[name] !== changed[name]);
    expect(differing).toEqual([member]);
  }
});
