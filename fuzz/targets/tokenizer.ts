import { loadTokenizer } from '../../eval/model/tokenizer.ts';
import { folderDocuments } from '../../quant/checkpoint/folder-documents.ts';
import { FOLDER, memoryFiles } from '../../testing/memory-file-system.ts';
import { jsonMutator } from '../mutate/json-mutator.ts';
import { check, type Target } from '../target.ts';

const words = [
  'BPE', 'WordPiece', 'Unigram', 'WordLevel', 'Sequence', 'Lowercase', 'NFC', 'NFKC', 'NFD', 'Strip', 'StripAccents',
  'Replace', 'Prepend', 'Precompiled', 'BertNormalizer', 'ByteLevel', 'Metaspace', 'Split', 'Punctuation', 'Whitespace',
  'WhitespaceSplit', 'Digits', 'BertPreTokenizer', 'Isolated', 'Removed', 'MergedWithNext', 'MergedWithPrevious',
  'Contiguous', 'TemplateProcessing', 'RobertaProcessing', 'BertProcessing', 'ByteFallback', 'Fuse', 'CTC', 'always',
  'first', 'never', '(a+)+$', '(', '\\p{L}+', '(?i:a)', '[', '(?<!x)', '\\', '$^', '.{0,99999}', '(?:)',
]; // prettier-ignore

const VOCAB_SIZE = 64;

const text = 'the end 42 – ½ \ufeffaé <s> aaaaaaaaaaaaaaaaaaaaaaaaaaaa!';

/** tokenizer.json: what is built from it encodes a text, and decodes all ids that the model can say. */
export const tokenizer: Target = {
  name: 'tokenizer',
  files: { 'tokenizer.json': jsonMutator(words) },
  run: (input, limited) => {
    const built = loadTokenizer(folderDocuments(FOLDER, memoryFiles(input)), { vocabSize: VOCAB_SIZE });
    // A dataset's texts are encoded in a thread that is ended after a time.
    const ids = limited(() => built.encode(text));
    check(
      ids.every((id) => id >= 0 && id < VOCAB_SIZE),
      'a token has no row in the embedding',
    );
    for (const skipSpecialTokens of [false, true]) {
      built.decode(
        Array.from({ length: VOCAB_SIZE }, (_, id) => id),
        { skipSpecialTokens },
      );
    }
    built.specialTokenAt(text);
  },
};
