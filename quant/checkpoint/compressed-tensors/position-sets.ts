/** Offsets into a text. */
export type Positions = ReadonlySet<number>;

/** A text that is matched, and how many steps that may still take. */
export interface Subject {
  readonly text: string;
  readonly budget: StepBudget;
}

/** Bounds the time of matching, whatever the pattern. */
export interface StepBudget {
  steps: number;
}

/** Thrown when a budget is used up. */
export class BudgetExceededError extends Error {}

/**
 * A part of a regular expression: where its matches end that start at any of the positions `from`. All ends are found
 * together, so nothing is ever tried twice as in backtracking. Which of several matches an engine prefers is not asked.
 */
export type Matcher = (subject: Subject, from: Positions) => Positions;

/** One character of a set. */
export function character(accepts: (unit: string) => boolean): Matcher {
  return ({ text, budget }, from) => {
    spend(budget, from);
    const ends = new Set<number>();
    for (const at of from) {
      if (at < text.length && accepts(text[at])) ends.add(at + 1);
    }
    return ends;
  };
}

/** Nothing, where a condition holds: an anchor or a boundary. */
export function condition(holds: (text: string, at: number) => boolean): Matcher {
  return ({ text, budget }, from) => {
    spend(budget, from);
    return new Set([...from].filter((at) => holds(text, at)));
  };
}

/** Nothing, where `inner` matches what follows, or does not. */
export function lookahead(inner: Matcher, isWanted: boolean): Matcher {
  return (subject, from) => {
    spend(subject.budget, from);
    return new Set([...from].filter((at) => inner(subject, new Set([at])).size > 0 === isWanted));
  };
}

export function sequence(parts: readonly Matcher[]): Matcher {
  return (subject, from) => parts.reduce((ends, part) => (ends.size > 0 ? part(subject, ends) : ends), from);
}

export function anyOf(alternatives: readonly Matcher[]): Matcher {
  return (subject, from) => new Set(alternatives.flatMap((alternative) => [...alternative(subject, from)]));
}

/** `inner` from `least` to `most` times; `most` may be Infinity. */
export function repeated(inner: Matcher, least: number, most: number): Matcher {
  return (subject, from) => {
    let required = from;
    for (let round = 0; round < least && required.size > 0; round++) {
      spend(subject.budget, required);
      const next = inner(subject, required);
      // A round that changes nothing would not change anything again.
      if (isSame(next, required)) break;
      required = next;
    }
    const ends = new Set(required);
    let fresh = required;
    for (let round = least; round < most && fresh.size > 0; round++) {
      spend(subject.budget, fresh);
      fresh = new Set([...inner(subject, fresh)].filter((at) => !ends.has(at)));
      for (const at of fresh) ends.add(at);
    }
    return ends;
  };
}

function spend(budget: StepBudget, positions: Positions): void {
  budget.steps -= positions.size + 1;
  if (budget.steps < 0) throw new BudgetExceededError();
}

const isSame = (a: Positions, b: Positions): boolean => a.size === b.size && [...a].every((at) => b.has(at));
