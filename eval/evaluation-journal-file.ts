import type { FileSystem } from '../quant/file-system.ts';
import { readWholeFile } from '../quant/read-file.ts';
import { toBase64 } from './perplexity/float-base64.ts';
import type { WindowResult } from './perplexity/window-result.ts';

/** Everything that decides the results of a run, by name. Two runs may share results only if all of it is equal. */
export type Fingerprint = Readonly<Record<string, string> & { model: string }>;

export interface Journal {
  fingerprint: Fingerprint;
  results: WindowResult[];
  /** Bytes up to the end of the last line that is whole. */
  length: number;
}

/** 300 million losses in base64: hundreds of runs over WikiText-2. */
const MAX_JOURNAL_BYTES = 2 ** 30;

/** A fingerprint or a result as a line of JSON; floats stand as base64 of their little-endian bytes, bit for bit. */
export function encodeLine(value: { fingerprint: Fingerprint } | WindowResult): Buffer {
  if ('fingerprint' in value) return Buffer.from(`${JSON.stringify(value)}\n`);
  const { losses, divergence, ...rest } = value;
  const compared = divergence && { ...divergence, divergences: toBase64(divergence.divergences) };
  return Buffer.from(`${JSON.stringify({ ...rest, losses: toBase64(losses), divergence: compared })}\n`);
}

/**
 * What a run left. It ends before the first line that is not whole, or that does not follow the one before it.
 *
 * @returns undefined if not even the fingerprint can be read
 */
export function readJournal(fileSystem: FileSystem, path: string): Journal | undefined {
  const bytes = Buffer.from(readWholeFile(path, MAX_JOURNAL_BYTES, fileSystem).buffer);
  let journal: Journal | undefined;
  for (let start = 0; ;) {
    const end = bytes.indexOf('\n', start);
    const line = end === -1 ? undefined : parseObject(bytes.toString('utf8', start, end));
    if (!line) return journal;
    if (!journal) {
      const fingerprint = parseFingerprint(line['fingerprint']);
      if (!fingerprint) return undefined;
      journal = { fingerprint, results: [], length: 0 };
    } else {
      const result = parseResult(line);
      if (!result || !follows(result, journal.results.at(-1))) return journal;
      journal.results.push(result);
    }
    start = end + 1;
    journal.length = start;
  }
}

function follows({ config, window }: WindowResult, before: WindowResult | undefined): boolean {
  return window === (before?.config === config ? before.window + 1 : 0);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function parseFingerprint(value: unknown): Fingerprint | undefined {
  if (typeof value !== 'object' || value === null || !('model' in value)) return undefined;
  return Object.values(value).every((each) => typeof each === 'string') ? (value as Fingerprint) : undefined;
}

function parseResult(line: Record<string, unknown>): WindowResult | undefined {
  const { config, window, seconds, peakMemoryBytes, modelBytes } = line;
  const losses = fromBase64(line['losses']);
  if (typeof config !== 'string' || typeof window !== 'number' || !losses) return undefined;
  if (typeof seconds !== 'number' || typeof peakMemoryBytes !== 'number' || typeof modelBytes !== 'number') {
    return undefined;
  }
  const result = { config, window, losses, seconds, peakMemoryBytes, modelBytes };
  if (line['divergence'] === undefined) return result;
  const divergence = parseDivergence(line['divergence']);
  return divergence && { ...result, divergence };
}

function parseDivergence(value: unknown): WindowResult['divergence'] {
  const { divergences: text, sameTop } = (value ?? {}) as Record<string, unknown>;
  const divergences = fromBase64(text);
  return divergences && typeof sameTop === 'number' ? { divergences, sameTop } : undefined;
}

/** Copied, as a Buffer may start at any byte of its memory. */
function fromBase64(text: unknown): Float32Array | undefined {
  if (typeof text !== 'string') return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length % 4 === 0 ? new Float32Array(new Uint8Array(bytes).buffer) : undefined;
}
