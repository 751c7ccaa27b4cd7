import { readFileSync, writeFileSync } from 'node:fs';

/** Value that makes Linux forget the peak of resident memory so far (proc_pid_clear_refs, section 5). */
const RESET_PEAK = '5';

/**
 * Starts a measurement of the peak resident memory of this process.
 *
 * @returns a function that gives the peak in bytes: since the start where the system can count anew (Linux), otherwise
 * since the process began
 */
export function trackPeakMemory(): () => number {
  try {
    writeFileSync('/proc/self/clear_refs', RESET_PEAK);
  } catch {
    return () => process.resourceUsage().maxRSS * 1024;
  }
  return () => {
    const kilobytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return kilobytes === undefined ? process.resourceUsage().maxRSS * 1024 : Number(kilobytes) * 1024;
  };
}
