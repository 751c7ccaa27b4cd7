import type { GptqProtocol } from '../eval/perplexity/protocol.ts';

/** What a run over four windows was measured by. */
export const gptqProtocol: GptqProtocol = {
  name: 'gptq',
  ctx: 512,
  windows: 4,
  tokens: 3000,
  scored: 2044,
  bos: true,
  textSha256: 'ab',
};
