import * as library from '@huggingface/jinja';

/** Names and values that a template may use. */
export type TemplateVariables = Readonly<Record<string, unknown>>;

/** What is used of the library. Its own declarations lack file extensions and do not resolve under Node. */
interface Jinja {
  Environment: new () => { set: (name: string, value: unknown) => void };
  Interpreter: new (environment: object) => { run: (program: object) => { value: string } };
  tokenize: (template: string, options: { lstrip_blocks: boolean; trim_blocks: boolean }) => object;
  parse: (tokens: object) => object;
}

const { Environment, Interpreter, parse, tokenize } = library as unknown as Jinja;

/** Templates loop over messages and tools; the library's own `range` makes as many numbers as it is told to. */
const MAX_RANGE = 10_000;

/**
 * Renders a template as transformers does, but for what a template could use to take the machine's memory in one step.
 * What takes it in many steps, or takes long, is for the caller to end.
 *
 * @param now what `strftime_now` tells
 */
export function render(template: string, variables: TemplateVariables, now: Date): string {
  const environment = new Environment();
  const globals = {
    true: true,
    false: false,
    none: null,
    True: true,
    False: false,
    None: null,
    range: boundedRange,
    raise_exception: (message: unknown): never => {
      throw new Error(String(message));
    },
    strftime_now: (format: unknown): string => strftime(now, String(format)),
  };
  for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
  const program = parse(tokenize(template, { lstrip_blocks: true, trim_blocks: true }));
  return new Interpreter(environment).run(program).value;
}

/** Python's `range`. */
function boundedRange(...limits: unknown[]): number[] {
  const [start, stop, step = 1] = limits.length === 1 ? [0, limits[0]] : limits;
  const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);
  if (limits.length > 3 || !isWhole(start) || !isWhole(stop) || !isWhole(step)) {
    throw new Error('range() takes one to three integers');
  }
  if (step === 0) throw new Error('range() step must not be zero');
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (length > MAX_RANGE) throw new Error(`range() of ${length} numbers is longer than ${MAX_RANGE}`);
  return Array.from({ length }, (_, index) => start + index * step);
}

const months = 'January February March April May June July August September October November December'.split(' ');
const days = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');
const padded = (value: number): string => String(value).padStart(2, '0');

const directives: Readonly<Record<string, (date: Date) => string>> = {
  Y: (date) => String(date.getFullYear()),
  m: (date) => padded(date.getMonth() + 1),
  d: (date) => padded(date.getDate()),
  B: (date) => months[date.getMonth()],
  b: (date) => months[date.getMonth()].slice(0, 3),
  A: (date) => days[date.getDay()],
  a: (date) => days[date.getDay()].slice(0, 3),
  H: (date) => padded(date.getHours()),
  M: (date) => padded(date.getMinutes()),
  S: (date) => padded(date.getSeconds()),
  '%': () => '%',
};

/** Python's `strftime` in the C locale and local time, with the directives that dates in templates are made of. */
function strftime(date: Date, format: string): string {
  return format.replace(/%(.)/gs, (whole, letter: string) =>
    Object.hasOwn(directives, letter) ? directives[letter](date) : whole,
  );
}
