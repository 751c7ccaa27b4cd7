import type { TrialStep } from '../kernels/probe.ts';
import { printable } from './text.ts';

/** A line of `cider doctor`, or a step in the trial of a backend. */
export const describeStep = ({ status, name, detail }: TrialStep): string =>
  `${status.padEnd(4)}  ${name.padEnd(NAME_WIDTH)}  ${printable(detail)}`;

/** Of the longest name that is common. */
const NAME_WIDTH = 17;

export const describeTrial = (steps: readonly TrialStep[]): string => steps.map(describeStep).join('\n');
