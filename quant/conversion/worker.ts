import { parentPort } from 'node:worker_threads';
import { nodeFileSystem } from '../file-system.ts';
import { sendError } from './error-transfer.ts';
import type { Answer } from './executors.ts';
import type { Job } from './job.ts';
import { JobRunner } from './job-runner.ts';

/** Entry of a worker thread: takes jobs, answers each. */
const runner = new JobRunner(nodeFileSystem);

parentPort?.on('message', (job: Job) => {
  let answer: Answer;
  try {
    answer = { ok: true, result: runner.run(job) };
  } catch (error) {
    answer = { ok: false, error: sendError(error) };
  }
  parentPort?.postMessage(answer);
});
