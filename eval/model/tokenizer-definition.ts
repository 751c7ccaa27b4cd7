import { quoted } from '../../quant/checkpoint/quoted.ts';
import { InputError } from '../../quant/errors.ts';

/** A tokenizer.json that the library can be trusted with. */
export interface TokenizerDefinition {
  model: Record<string, unknown>;
  pre_tokenizer: unknown;
  [member: string]: unknown;
}

/** The splits that the library makes as the original does; others it would take for `Isolated`. */
const knownBehaviours = ['isolated', 'removed'];

/** GPT-2's pattern, which `ByteLevel` applies by itself. */
const GPT2_PATTERN = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

/**
 * Parses and checks a tokenizer.json, and rewrites what @huggingface/tokenizers does otherwise than the original in
 * Rust, so that both give the same tokens.
 *
 * @throws InputError `E_TOKENIZER_SYNTAX`, `E_TOKENIZER_UNSUPPORTED`
 */
export function parseTokenizer(text: string, file: string): TokenizerDefinition {
  const definition = parseObject(text, file);
  const model = definition['model'];
  if (!isObject(model) || (model['type'] ?? 'BPE') !== 'BPE') {
    throw unsupported(file, `model.type is ${show(isObject(model) ? model['type'] : model)}; known: BPE`);
  }
  checkVocabulary(model['vocab'], file);
  checkMerges(model['merges'], file);
  for (const member of ['normalizer', 'decoder'] as const) checkReplacements(definition[member], member, file);
  return {
    // The library wants these members to be there.
    normalizer: null,
    post_processor: null,
    decoder: null,
    added_tokens: [],
    ...definition,
    model: { ...model, type: 'BPE' },
    pre_tokenizer: adaptPreTokenizer(definition['pre_tokenizer'] ?? null, file),
  };
}

function parseObject(text: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError(`${file}: not valid JSON: ${reason}`, {
      code: 'E_TOKENIZER_SYNTAX',
      details: { file },
      cause,
    });
  }
  if (!isObject(value)) throw unsupported(file, 'expected a JSON object');
  return value;
}

function checkVocabulary(vocabulary: unknown, file: string): void {
  if (!isObject(vocabulary)) throw unsupported(file, 'model.vocab is no object of tokens and ids');
  for (const [token, id] of Object.entries(vocabulary)) {
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= MAX_TOKEN_ID) {
      throw unsupported(file, `model.vocab has ${show(id)} for ${show(token)}; expected an id below ${MAX_TOKEN_ID}`);
    }
  }
}

/** The library keeps tokens in an array by id; real vocabularies stay below 300,000. */
const MAX_TOKEN_ID = 2 ** 22;

function checkMerges(merges: unknown, file: string): void {
  if (!Array.isArray(merges)) throw unsupported(file, 'model.merges is no list');
  const isPair = (merge: unknown) =>
    typeof merge === 'string' ||
    (Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === 'string'));
  const at = merges.findIndex((merge) => !isPair(merge));
  if (at !== -1) throw unsupported(file, `model.merges[${at}] is no pair of tokens`);
}

/** Sequences inside one another; real files have one. */
const MAX_DEPTH = 8;

/** How many times as long the replacements of a file may make a text: real ones put a character for a character. */
const MAX_GROWTH = 64;

/** Steps that follow one another may each double the text, and the library only warns of a pattern that is none. */
function checkReplacements(step: unknown, member: string, file: string): void {
  const growth = growthOf(step, member, file, 1);
  if (growth > MAX_GROWTH) {
    throw unsupported(file, `${member} replaces text by ${growth} times as much; the limit is ${MAX_GROWTH}`);
  }
}

function growthOf(step: unknown, member: string, file: string, depth: number): number {
  if (!isObject(step)) return 1;
  if (depth > MAX_DEPTH) throw unsupported(file, `${member} is nested deeper than ${MAX_DEPTH}`);
  if (step['type'] === 'Replace') return replacementGrowth(step, member, file);
  const steps = ['normalizers', 'decoders'].map((name) => step[name]).find((each) => Array.isArray(each)) ?? [];
  return (steps as unknown[]).reduce((product: number, each) => product * growthOf(each, member, file, depth + 1), 1);
}

function replacementGrowth({ pattern, content }: Record<string, unknown>, member: string, file: string): number {
  if (!isPattern(pattern)) throw unsupported(file, `${member} replaces without a pattern`);
  if (typeof content !== 'string') throw unsupported(file, `${member} replaces by ${show(content)}`);
  const isText = typeof pattern['String'] === 'string' && pattern['String'] !== '' && pattern['Regex'] === undefined;
  // What may match nothing at all puts its content before every character, which stays.
  return isText ? Math.max(1, content.length) : content.length + 1;
}

function adaptPreTokenizer(config: unknown, file: string, depth = 1): unknown {
  if (!isObject(config)) return config;
  if (depth > MAX_DEPTH) throw unsupported(file, `pre_tokenizer is nested deeper than ${MAX_DEPTH}`);
  switch (config['type']) {
    case 'Sequence': {
      const steps = Array.isArray(config['pretokenizers']) ? config['pretokenizers'] : [];
      return { ...config, pretokenizers: steps.map((step: unknown) => adaptPreTokenizer(step, file, depth + 1)) };
    }
    case 'Digits':
      // The library's digits are 0 to 9; the original's are all numeric characters, such as ½.
      return isolate(config['individual_digits'] === true ? String.raw`\p{N}` : String.raw`\p{N}+`);
    case 'ByteLevel':
      // The library's \s is JavaScript's, which has U+FEFF and lacks U+0085. A prefix space comes before the split.
      if (config['use_regex'] === false || config['add_prefix_space'] === true) return config;
      return { type: 'Sequence', pretokenizers: [isolate(GPT2_PATTERN), { ...config, use_regex: false }] };
    case 'Split':
      checkSplit(config, file);
      return config;
    default:
      return config;
  }
}

const isolate = (regex: string) => ({ type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false });

function checkSplit(split: Record<string, unknown>, file: string): void {
  const behaviour = typeof split['behavior'] === 'string' ? split['behavior'].toLowerCase() : undefined;
  const isKnown = behaviour !== undefined && knownBehaviours.includes(behaviour);
  if (!isKnown || (split['invert'] === true && behaviour !== 'removed')) {
    const inverted = split['invert'] === true ? ', inverted' : '';
    throw unsupported(file, `pre_tokenizer splits by ${show(split['behavior'])}${inverted}; known: Isolated, Removed`);
  }
  if (!isPattern(split['pattern'])) throw unsupported(file, 'pre_tokenizer splits without a pattern');
}

/** The library takes `Regex` if it is there at all. */
function isPattern(pattern: unknown): pattern is Record<string, unknown> {
  return isObject(pattern) && typeof (pattern['Regex'] ?? pattern['String']) === 'string';
}

export function unsupported(file: string, what: string, cause?: unknown): InputError {
  return new InputError(`${file}: ${what}`, { code: 'E_TOKENIZER_UNSUPPORTED', details: { file }, cause });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value for a message. What is nested is not printed: it may be so without end. */
function show(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return value === undefined ? 'missing' : JSON.stringify(value);
  return Array.isArray(value) ? 'a list' : 'an object';
}
