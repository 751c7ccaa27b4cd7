import {
  anyOf,
  character,
  condition,
  lookahead,
  repeated,
  sequence,
  type Matcher,
  type StepBudget,
} from './position-sets.ts';

/** Longer than any pattern that a recipe has; lists of layers can reach hundreds of characters. */
const MAX_LENGTH = 4096;

/** Groups inside one another. */
const MAX_DEPTH = 32;

/** Why a pattern is not read. */
export class PatternError extends Error {}

/**
 * A regular expression as Python's `re` reads it, for texts of ASCII letters, digits and marks in one line, as paths of
 * modules are. Read are characters, `.`, sets, groups, `|`, repetitions greedy or not, lookahead, `^ $ \A \Z \b \B` and
 * `\d \w \s` with their opposites; all else is refused, above all what depends on earlier groups. Matching is not left
 * to JavaScript, whose syntax differs in places and whose time has no bound.
 *
 * @throws PatternError
 */
export class PythonPattern {
  readonly #matcher: Matcher;

  constructor(source: string) {
    if (source.length > MAX_LENGTH) {
      throw new PatternError(`${source.length} characters are over the limit of ${MAX_LENGTH}`);
    }
    this.#matcher = new PatternParser(source).parse();
  }

  /** As `re.match`: whether it matches from the start of the text on. @throws BudgetExceededError */
  matchesStartOf(text: string, budget: StepBudget): boolean {
    return this.#matcher({ text, budget }, new Set([0])).size > 0;
  }
}

type CharacterTest = (unit: string) => boolean;

const isDigit: CharacterTest = (unit) => /[0-9]/.test(unit);
const isWord: CharacterTest = (unit) => /\w/.test(unit);
const isSpace: CharacterTest = (unit) => /[ \t\n\r\f\v]/.test(unit);
const not =
  (test: CharacterTest): CharacterTest =>
  (unit) =>
    !test(unit);

const classes = new Map<string, CharacterTest>([
  ['d', isDigit],
  ['D', not(isDigit)],
  ['w', isWord],
  ['W', not(isWord)],
  ['s', isSpace],
  ['S', not(isSpace)],
]);

const isBoundary = (text: string, at: number): boolean =>
  (at > 0 && isWord(text[at - 1])) !== (at < text.length && isWord(text[at]));

const atStart = condition((_, at) => at === 0);
const atEnd = condition((text, at) => at === text.length);

const conditions = new Map<string, Matcher>([
  ['A', atStart],
  ['Z', atEnd],
  ['b', condition(isBoundary)],
  ['B', condition((text, at) => !isBoundary(text, at))],
]);

/** A part, and whether it may be repeated: Python refuses repeated anchors. */
interface Atom {
  matcher: Matcher;
  repeats: boolean;
}

const repeating = (matcher: Matcher): Atom => ({ matcher, repeats: true });
const fixed = (matcher: Matcher): Atom => ({ matcher, repeats: false });

const quantifierGrammar = /\*|\+|\?|\{(\d{1,6})(?:(,)(\d{1,6})?)?\}/y;

class PatternParser {
  private readonly source: string;
  private at = 0;
  private depth = 0;

  constructor(source: string) {
    this.source = source;
  }

  parse(): Matcher {
    const matcher = this.alternatives();
    if (this.at < this.source.length) throw new PatternError('")" closes no group');
    return matcher;
  }

  private alternatives(): Matcher {
    const alternatives = [this.sequence()];
    while (this.take('|')) alternatives.push(this.sequence());
    return alternatives.length === 1 ? alternatives[0] : anyOf(alternatives);
  }

  private sequence(): Matcher {
    const parts: Matcher[] = [];
    while (this.at < this.source.length && !'|)'.includes(this.source[this.at])) parts.push(this.quantified());
    return sequence(parts);
  }

  private quantified(): Matcher {
    const { matcher, repeats } = this.atom();
    const range = this.quantifier();
    if (!range) return matcher;
    if (!repeats) throw new PatternError('an anchor or a lookahead is repeated');
    // Without preference for one match over another, taking as few as possible is the same.
    this.take('?');
    if (this.quantifier()) throw new PatternError('a repetition follows a repetition');
    return repeated(matcher, ...range);
  }

  private quantifier(): [number, number] | undefined {
    quantifierGrammar.lastIndex = this.at;
    const found = quantifierGrammar.exec(this.source);
    if (!found) return undefined;
    this.at = quantifierGrammar.lastIndex;
    const [sign, least, comma, most] = found as (string | undefined)[];
    if (sign === '*') return [0, Infinity];
    if (sign === '+') return [1, Infinity];
    if (sign === '?') return [0, 1];
    const from = Number(least);
    const to = comma === undefined ? from : most === undefined ? Infinity : Number(most);
    if (to < from) throw new PatternError(`${sign ?? ''} ends before it starts`);
    return [from, to];
  }

  private atom(): Atom {
    const unit = this.source[this.at++];
    switch (unit) {
      case '.':
        return repeating(character(() => true));
      case '^':
        return fixed(atStart);
      case '$':
        return fixed(atEnd);
      case '(':
        return this.group();
      case '[':
        return repeating(character(this.set()));
      case '\\':
        return this.escape();
      case '*':
      case '+':
      case '?':
      case '{':
      case '}':
      case ']':
        throw new PatternError(`"${unit}" stands alone`);
      default:
        return repeating(character((other) => other === unit));
    }
  }

  private group(): Atom {
    if (++this.depth > MAX_DEPTH) throw new PatternError(`groups are nested deeper than ${MAX_DEPTH}`);
    const isAhead = this.take('?=');
    const isNotAhead = !isAhead && this.take('?!');
    const isPlain = isAhead || isNotAhead || this.take('?:') || this.source[this.at] !== '?';
    if (!isPlain) throw new PatternError(`"(${this.source.slice(this.at, this.at + 2)}" is not read`);
    const inner = this.alternatives();
    if (!this.take(')')) throw new PatternError('a group is not closed');
    this.depth--;
    return isAhead || isNotAhead ? fixed(lookahead(inner, isAhead)) : repeating(inner);
  }

  private escape(): Atom {
    const unit = this.escaped();
    const anchor = conditions.get(unit);
    if (anchor) return fixed(anchor);
    return repeating(character(classes.get(unit) ?? this.literal(unit)));
  }

  /** `[...]` after its first bracket. */
  private set(): CharacterTest {
    const isNegated = this.take('^');
    const tests: CharacterTest[] = [];
    while (!this.take(']')) {
      if (this.source.startsWith('[', this.at)) throw new PatternError('"[" stands in a set');
      tests.push(this.member());
    }
    // Python takes a bracket in the first place for a member of the set.
    if (tests.length === 0) throw new PatternError('a set is empty');
    const isMember: CharacterTest = (unit) => tests.some((test) => test(unit));
    return isNegated ? not(isMember) : isMember;
  }

  private member(): CharacterTest {
    const [low, test] = this.end();
    const isRange = this.source[this.at] === '-' && this.source[this.at + 1] !== ']';
    if (!isRange) return test;
    this.at++;
    const [high] = this.end();
    if (low === undefined || high === undefined || high < low) throw new PatternError('a range in a set has no order');
    return (unit) => unit >= low && unit <= high;
  }

  /** One end of a range, or a class, which is none. */
  private end(): [string | undefined, CharacterTest] {
    if (this.at >= this.source.length) throw new PatternError('a set is not closed');
    const unit = this.source[this.at++];
    if (unit !== '\\') return [unit, (other) => other === unit];
    const escaped = this.escaped();
    const test = classes.get(escaped);
    return test ? [undefined, test] : [escaped, this.literal(escaped)];
  }

  private escaped(): string {
    if (this.at >= this.source.length) throw new PatternError('"\\" ends it');
    return this.source[this.at++];
  }

  private literal(unit: string): CharacterTest {
    if (/[A-Za-z0-9]/.test(unit)) throw new PatternError(`"\\${unit}" is not read`);
    return (other) => other === unit;
  }

  private take(text: string): boolean {
    if (!this.source.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }
}
