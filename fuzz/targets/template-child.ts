import { renderTemplate } from '../../eval/generation/render-template.ts';
import { textMutator } from '../mutate/text-mutator.ts';
import type { Target } from '../target.ts';
import { fileOf } from './file-of.ts';
import { conversation, jinjaWords } from './template.ts';

const FILE = 'chat_template.jinja';

/** Chat templates as users get them rendered, in a process with limits. */
export const templateChild: Target = {
  name: 'template-child',
  corpus: 'template',
  files: { [FILE]: textMutator(jinjaWords) },
  run: async (input) => {
    const source = Buffer.from(fileOf(input, FILE)).toString();
    await renderTemplate({ file: FILE, source, specialTokens: {} }, { ...conversation }, new Date(0));
  },
};
