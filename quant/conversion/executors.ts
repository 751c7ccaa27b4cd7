import { Worker } from 'node:worker_threads';
import { receiveError, type TransferredError } from './error-transfer.ts';
import type { FileSystem } from '../file-system.ts';
import type { Job, JobExecutor, JobResult } from './job.ts';
import { JobRunner } from './job-runner.ts';
import { answer, type QuantizeRequest, type SharedQuantizer } from './quantizer.ts';

/** What a worker thread answers. */
export type Answer = { kind: 'answer' } & ({ ok: true; result: JobResult } | { ok: false; error: TransferredError });

/** What a worker thread is told when it starts. */
export interface WorkerOptions {
  /** Whether the thread that starts it quantizes for it. */
  hasQuantizer: boolean;
}

/** Runs every job at once in this thread: for tests that inject faults into the file system. */
export function inlineExecutor(fileSystem: FileSystem): JobExecutor {
  const runner = new JobRunner(fileSystem);
  return {
    // eslint-disable-next-line @typescript-eslint/require-await -- what the runner throws is to become a rejection
    run: async (job) => runner.run(job),
    close: () => {
      runner.close();
      return Promise.resolve();
    },
  };
}

interface Waiting {
  job: Job;
  resolve: (result: JobResult) => void;
  reject: (error: unknown) => void;
}

/**
 * Spreads jobs over threads. A thread takes the next job when it is done with one, so that none waits for another. One
 * more thread seals, so that the hash of a file, a third of the work, is made while the next file is filled.
 *
 * @param quantizer called in this thread for weights of all the others, as many times at once as there are threads
 */
export function workerExecutor(threads: number, quantizer?: SharedQuantizer): JobExecutor {
  const groups = { fill: startGroup(threads, quantizer), seal: startGroup(1) };
  const all = Object.values(groups);
  for (const group of all) {
    group.onFault((error) => {
      for (const other of all) other.fail(error);
    });
  }
  return {
    run: (job) => groups[job.kind === 'seal' ? 'seal' : 'fill'].run(job),
    close: async () => {
      for (const group of all) group.fail(new Error('the executor was closed'));
      await Promise.all(all.map((group) => group.terminate()));
    },
  };
}

/** Threads that share a queue. */
interface WorkerGroup {
  run: (job: Job) => Promise<JobResult>;
  /** Called when a thread breaks down. */
  onFault: (listener: (error: Error) => void) => void;
  /** Rejects all jobs, now and later. */
  fail: (error: Error) => void;
  terminate: () => Promise<unknown>;
}

function startGroup(threads: number, quantizer?: SharedQuantizer): WorkerGroup {
  const queue: Waiting[] = [];
  const running = new Map<Worker, Waiting>();
  const idle: Worker[] = [];
  const workers: Worker[] = [];
  let fault: Error | undefined;

  const dispatch = (): void => {
    for (;;) {
      const worker = queue.length > 0 ? idle.pop() : undefined;
      const waiting = worker && queue.shift();
      if (!worker || !waiting) return;
      running.set(worker, waiting);
      worker.postMessage(waiting.job);
    }
  };

  for (let i = 0; i < threads; i++) {
    const workerData: WorkerOptions = { hasQuantizer: quantizer !== undefined };
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData });
    worker.on('message', (message: Answer | QuantizeRequest) => {
      if (message.kind === 'quantize') {
        if (quantizer) void answer(message, quantizer);
        return;
      }
      const waiting = running.get(worker);
      running.delete(worker);
      idle.push(worker);
      if (message.ok) waiting?.resolve(message.result);
      else waiting?.reject(receiveError(message.error));
      dispatch();
    });
    workers.push(worker);
    idle.push(worker);
  }

  return {
    run: (job) =>
      new Promise((resolve, reject) => {
        if (fault) {
          reject(fault);
          return;
        }
        queue.push({ job, resolve, reject });
        dispatch();
      }),
    onFault: (listener) => {
      for (const worker of workers) worker.on('error', listener);
    },
    fail: (error) => {
      fault ??= error;
      for (const waiting of [...running.values(), ...queue.splice(0)]) waiting.reject(error);
      running.clear();
    },
    terminate: () => Promise.all(workers.map((worker) => worker.terminate())),
  };
}
