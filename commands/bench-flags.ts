import type { DecodeMode } from '../kernels/backend.ts';
import type { LinearShape } from '../kernels/bench/bench-linear.ts';
import type { GroupSize } from '../quant/schemes/scheme.ts';
import type { BackendFlags } from './backend.ts';
import type { SharedFlags } from './run-command.ts';

export const benchFormats = ['table', 'md', 'csv', 'json'] as const;
export type BenchFormat = (typeof benchFormats)[number];

/** What `cider bench` was asked for; what was not given has another default for layers than for models. */
export interface BenchFlags extends SharedFlags, BackendFlags {
  shape?: LinearShape[];
  m?: number[];
  gs?: GroupSize;
  configs?: string[];
  tokens?: number[];
  decode: DecodeMode;
  repetitions: number;
  warmup: number;
  format: BenchFormat;
}
