import { openModel } from '../../quant/checkpoint/open-model.ts';
import { FOLDER, memoryFiles } from '../../testing/memory-file-system.ts';
import { ggufMutator } from '../mutate/gguf-mutator.ts';
import type { Target } from '../target.ts';
import { readModel } from './stored-model.ts';

/** GGUF files: the header, the documents that are made of its metadata, and every tensor. */
export const gguf: Target = {
  name: 'gguf',
  files: { 'model.gguf': ggufMutator },
  run: (input) => {
    readModel(openModel(`${FOLDER}/model.gguf`, memoryFiles(input)));
  },
};
