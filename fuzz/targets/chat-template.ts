import { readChatTemplate } from '../../eval/generation/chat-template.ts';
import { folderDocuments } from '../../quant/checkpoint/folder-documents.ts';
import { FOLDER, memoryFiles } from '../../testing/memory-file-system.ts';
import { jsonMutator } from '../mutate/json-mutator.ts';
import { textMutator } from '../mutate/text-mutator.ts';
import { check, type Target } from '../target.ts';

/** The files that a chat template and its special tokens come from; `template` renders it. */
export const chatTemplate: Target = {
  name: 'chat-template',
  files: {
    'tokenizer_config.json': jsonMutator(['default', 'tool_use']),
    'chat_template.json': jsonMutator(),
    'chat_template.jinja': textMutator([]),
  },
  run: (input) => {
    const found = readChatTemplate(folderDocuments(FOLDER, memoryFiles(input)));
    if (!found) return;
    check(typeof found.source === 'string', 'a template is no text');
    check(
      Object.values(found.specialTokens).every((token) => typeof token === 'string'),
      'a token is no text',
    );
  },
};
