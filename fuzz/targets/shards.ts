import { Checkpoint } from '../../quant/checkpoint/checkpoint.ts';
import { FOLDER, memoryFiles } from '../../testing/memory-file-system.ts';
import { jsonMutator } from '../mutate/json-mutator.ts';
import { safetensorsMutator } from '../mutate/safetensors-mutator.ts';
import type { Target } from '../target.ts';
import { readTensors } from './safetensors.ts';

const hostileShards = [
  '../model-00001-of-00002.safetensors',
  '/etc/x.safetensors',
  'C:\\x.safetensors',
  '\\\\host\\x.safetensors',
  'a/../b.safetensors',
  '.safetensors',
  'model.safetensors.index.json',
];

/** An index of shards, and the shards. */
export const shards: Target = {
  name: 'shards',
  files: {
    'model.safetensors.index.json': jsonMutator(hostileShards),
    'model-00001-of-00002.safetensors': safetensorsMutator,
    'model-00002-of-00002.safetensors': safetensorsMutator,
  },
  run: (input) => {
    readTensors(Checkpoint.open(FOLDER, memoryFiles(input)));
  },
};
