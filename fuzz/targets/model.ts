import { openModel } from '../../quant/checkpoint/open-model.ts';
import { FOLDER, memoryFiles } from '../../testing/memory-file-system.ts';
import { jsonMutator } from '../mutate/json-mutator.ts';
import { safetensorsMutator } from '../mutate/safetensors-mutator.ts';
import type { Target } from '../target.ts';
import { readModel } from './stored-model.ts';

/** Model folders of safetensors, float or quantized in any way that is read: every weight, as its configuration says. */
export const model: Target = {
  name: 'model',
  files: { 'config.json': jsonMutator(), 'model.safetensors': safetensorsMutator },
  run: (input) => {
    readModel(openModel(FOLDER, memoryFiles(input)));
  },
};
