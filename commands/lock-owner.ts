import os from 'node:os';
import { isErrno } from '../quant/file-system.ts';
import type { LockOwner } from '../quant/output/lock.ts';

/** This process, as locks record it. */
export function lockOwner(): LockOwner {
  return { pid: process.pid, host: os.hostname(), isAlive };
}

/** Signal 0 asks whether a process exists; one of another user answers EPERM. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrno(error, 'EPERM');
  }
}
