import { InputError } from '../errors.ts';
import { MAX_HEADER_BYTES, PREFIX_BYTES } from './header-entries.ts';

interface ForeignFormat {
  magic: readonly string[];
  code: string;
  what: string;
  hint: string;
}

const pickleHint =
  'pickled weights can run any code when they are read; ask for the safetensors version of the model, or convert it with `model.save_pretrained(folder)` of transformers';

/** Files that are often given in place of safetensors. */
const foreignFormats: readonly ForeignFormat[] = [
  { magic: ['GGUF'], code: 'E_GGUF', what: 'a GGUF file', hint: 'give the path of this file itself' },
  { magic: ['PK\x03\x04'], code: 'E_PICKLE', what: 'a zip archive, probably a PyTorch pickle', hint: pickleHint },
  {
    magic: ['\x80\x02', '\x80\x03', '\x80\x04', '\x80\x05'],
    code: 'E_PICKLE',
    what: 'a Python pickle',
    hint: pickleHint,
  },
  {
    magic: ['version '],
    code: 'E_GIT_LFS_POINTER',
    what: 'the pointer of a file that Git LFS has not fetched',
    hint: 'run `git lfs pull` in the folder of the model',
  },
  {
    magic: ['<!DOC', '<!doc', '<html', '<HTML'],
    code: 'E_NOT_SAFETENSORS',
    what: 'an HTML page',
    hint: 'the download got a web page in place of the file; download it again',
  },
  {
    magic: ['{"', '{\n', '{\r', '{ '],
    code: 'E_NOT_SAFETENSORS',
    what: 'JSON text',
    hint: 'give the folder of the model',
  },
];

/**
 * Refuses a file by its first bytes if it is of a format known to be something else.
 *
 * @param prefix where the length of the header should be. A length that the format allows is never refused: 640 looks
 * like the start of a pickle, but has six zeros after it
 * @throws InputError `E_GGUF`, `E_PICKLE`, `E_GIT_LFS_POINTER`, `E_NOT_SAFETENSORS`
 */
export function refuseForeignFormat(prefix: Uint8Array, file: string): void {
  const start = Buffer.from(prefix);
  if (start.length >= PREFIX_BYTES && start.readBigUInt64LE(0) <= MAX_HEADER_BYTES) return;
  const text = start.toString('latin1');
  const format = foreignFormats.find(({ magic }) => magic.some((bytes) => text.startsWith(bytes)));
  if (!format) return;
  throw new InputError(`${file}: this is ${format.what}, not a safetensors file`, {
    code: format.code,
    hint: format.hint,
    details: { file },
  });
}

/** Extensions under which PyTorch saves pickles. */
const pickleExtensions = ['.bin', '.pt', '.pth', '.ckpt', '.pkl'];

/** The error for a folder that holds weights of another format only; undefined if it holds none that is known. */
export function foreignWeightsError(folder: string, names: readonly string[]): InputError | undefined {
  const pickle = names.find((name) => pickleExtensions.some((extension) => name.endsWith(extension)));
  const gguf = names.find((name) => name.endsWith('.gguf'));
  const found = pickle ?? gguf;
  if (found === undefined) return undefined;
  const details = { folder, file: found };
  if (pickle !== undefined) {
    return new InputError(`${folder}: the only weights here are pickled (${found}), and those are never read`, {
      code: 'E_PICKLE',
      hint: pickleHint,
      details,
    });
  }
  return new InputError(`${folder}: the only weights here are GGUF files (${found})`, {
    code: 'E_GGUF',
    hint: 'download one of them, and give its path',
    details,
  });
}
