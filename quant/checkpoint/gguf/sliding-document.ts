import type { Family } from '../families.ts';
import type { GgufArchitecture } from './families.ts';
import type { GgufMetadata } from './metadata.ts';

/** Members of config.json that say which layers attend to how much; and the family, which may follow from it. */
export interface SlidingMembers {
  model_type: Family;
  [member: string]: unknown;
}

/** Of Gemma 3's layers of both kinds: every sixth attends to all, where the file does not say otherwise. */
const GEMMA3_PATTERN = 6;

/** Theta of Gemma 3's layers with a window, which files from before 2026 do not have. */
const GEMMA3_LOCAL_THETA = 10_000;

/** @throws InputError `E_GGUF_KEY`, `E_GGUF_KEY_MISSING` */
export function slidingMembers(metadata: GgufMetadata, { name, family }: GgufArchitecture): SlidingMembers {
  const key = (member: string): string => `${name}.${member}`;
  const windowKey = key('attention.sliding_window');
  const window = metadata.integer(windowKey) ?? 0;
  switch (family) {
    case 'llama':
    case 'mistral':
      // Only Mistral's models of this architecture have a window, on all layers.
      return window > 0 ? { model_type: 'mistral', sliding_window: window } : { model_type: 'llama' };
    case 'qwen2':
    case 'qwen3':
      if (window > 0) metadata.refuse(windowKey, `no file says which layers of ${family} have a window`);
      return { model_type: family, use_sliding_window: false };
    case 'gemma2':
      return { model_type: family, sliding_window: metadata.required(windowKey, window || undefined) };
    case 'gemma3_text':
      return {
        model_type: family,
        // A pattern of 1 has no layer with a window; nor has a file without one.
        ...(window > 0 ? { sliding_window: window, ...patternMembers(metadata, key) } : { sliding_window_pattern: 1 }),
        rope_local_base_freq: metadata.number(key('rope.freq_base_swa')) ?? GEMMA3_LOCAL_THETA,
      };
  }
}

/** Which layers have the window: every but the nth, or a list by layer. */
function patternMembers(metadata: GgufMetadata, key: (member: string) => string): Readonly<Record<string, unknown>> {
  const name = key('attention.sliding_window_pattern');
  if (!metadata.isList(name)) return { sliding_window_pattern: metadata.integer(name) ?? GEMMA3_PATTERN };
  const types = metadata.booleans(name)?.map((slides) => (slides ? 'sliding_attention' : 'full_attention'));
  return { layer_types: types };
}
