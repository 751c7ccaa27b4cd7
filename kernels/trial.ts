import type { TrialStep } from './probe.ts';

/** The steps in a report of `cider_backend_report`. @throws Error for a line of another form */
export function parseTrial(report: string): TrialStep[] {
  return report
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [status, name, ...rest] = line.split('\t');
      if (!isStatus(status) || rest.length === 0) throw new Error(`the library reports what is no step: ${line}`);
      return { status, name, detail: rest.join(' ') };
    });
}

const isStatus = (text: string): text is TrialStep['status'] => ['ok', 'warn', 'fail'].includes(text);
