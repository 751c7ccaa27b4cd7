import { fork } from 'node:child_process';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { receiveError, type TransferredError } from '../../quant/conversion/error-transfer.ts';
import { InputError } from '../../quant/errors.ts';

export type ParquetAnswer = { rows: string[] } | { error: TransferredError };

export interface ParquetOptions {
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
}

/** The largest file that is allowed takes 10 s. */
const TIMEOUT_MS = 60_000;

/** JavaScript objects of the process, for a million rows with room to spare; bytes of pages are limited by the reader. */
const HEAP_MEGABYTES = 1024;

const child = fileURLToPath(new URL('./parquet-child.js', import.meta.url));

/**
 * The rows of the column `text` of a Parquet file, read in a process with limits on time and memory: a crafted file of a
 * kilobyte can make a reader run or allocate without end, and that must end a child.
 *
 * @throws InputError `E_PARQUET*`, `E_DATASET_ENCODING`, `E_DATASET_ROW`, `E_FILE_TOO_LARGE`; NotFoundError; ResourceError
 */
export function readParquet(path: string, { signal, timeoutMs = TIMEOUT_MS }: ParquetOptions = {}): Promise<string[]> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const reader = fork(child, [path], {
      execArgv: [`--max-old-space-size=${HEAP_MEGABYTES}`],
      // Objects rather than JSON, which would escape the text.
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    let answer: ParquetAnswer | undefined;
    let isLate = false;
    const stop = (): void => {
      reader.kill('SIGKILL');
    };
    const timer = setTimeout(() => {
      isLate = true;
      stop();
    }, timeoutMs);
    signal?.addEventListener('abort', stop, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      if (signal?.aborted === true) reject(signal.reason as Error);
      else if (answer === undefined) reject(unanswered(path, isLate ? timeoutMs : undefined));
      else if ('rows' in answer) resolve(answer.rows);
      else reject(receiveError(answer.error));
    };
    reader.once('message', (message) => {
      answer = message as ParquetAnswer;
    });
    reader.once('error', reject);
    reader.once('close', settle);
  });
}

function unanswered(path: string, limitMs: number | undefined): InputError {
  const file = basename(path);
  const reason = limitMs === undefined ? 'ended the process that read it' : `was not read within ${limitMs / 1000} s`;
  return new InputError(`${file}: the file ${reason}`, {
    code: 'E_PARQUET',
    hint: 'its numbers may have been crafted to exhaust memory or time; write it again from its source',
    details: { file },
  });
}
