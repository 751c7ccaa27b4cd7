import { parentPort, workerData } from 'node:worker_threads';
import { nodeFileSystem } from '../file-system.ts';
import { sendError } from './error-transfer.ts';
import type { Answer, WorkerOptions } from './executors.ts';
import type { Job } from './job.ts';
import { JobRunner } from './job-runner.ts';
import { quantizeElsewhere } from './quantizer.ts';

/** Entry of a worker thread: takes jobs, answers each. */
const { hasQuantizer } = workerData as WorkerOptions;
const runner = new JobRunner(nodeFileSystem, hasQuantizer ? quantizeElsewhere : undefined);

parentPort?.on('message', (job: Job) => {
  let answer: Answer;
  try {
    answer = { kind: 'answer', ok: true, result: runner.run(job) };
  } catch (error) {
    answer = { kind: 'answer', ok: false, error: sendError(error) };
  }
  parentPort?.postMessage(answer);
});
