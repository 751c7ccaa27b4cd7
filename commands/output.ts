import { Chalk, type ChalkInstance } from 'chalk';
import { describeFailure, type Failure } from './errors.ts';
import { barProgress, lineProgress, silentProgress, type Progress, type ProgressOptions } from './progress.ts';
import { printable, printableLines } from './text.ts';

export interface OutputOptions {
  /** One JSON document on stdout and nothing else, warnings included in it. */
  json: boolean;
  /** No notes and no progress on stderr; warnings and errors remain. */
  quiet: boolean;
  /** Allow progress at all. */
  progress: boolean;
}

/** Where everything that a command says goes: data to stdout, the rest to stderr. */
export class Output {
  readonly warnings: string[] = [];
  readonly #options: OutputOptions;
  readonly #colour: ChalkInstance;
  readonly #bars: boolean;

  constructor(options: OutputOptions) {
    this.#options = options;
    this.#colour = new Chalk({ level: wantsColour(process.stderr) ? 1 : 0 });
    this.#bars = process.stderr.isTTY && process.env['TERM'] !== 'dumb' && !isSet(process.env['CI']);
  }

  /** A line of data for people; the JSON document takes its place. */
  print(text: string): void {
    if (!this.#options.json) process.stdout.write(`${text}\n`);
  }

  /**
   * A piece of a text that comes bit by bit; the JSON document takes its place. On a terminal control characters, which
   * the text may hold, are shown as escapes.
   */
  write(piece: string): void {
    if (this.#options.json) return;
    process.stdout.write(process.stdout.isTTY ? printableLines(piece) : piece);
  }

  /** A remark about what is going on. */
  note(text: string): void {
    if (!this.#options.json && !this.#options.quiet) process.stderr.write(`${printable(text)}\n`);
  }

  /** Something that the user should know although the command goes on. */
  warn(text: string): void {
    this.warnings.push(text);
    if (!this.#options.json) process.stderr.write(`${this.#colour.yellow('warning:')} ${printable(text)}\n`);
  }

  progress(options: ProgressOptions): Progress {
    if (this.#options.json || this.#options.quiet || !this.#options.progress) return silentProgress;
    if (this.#bars) return barProgress(process.stderr, options);
    return lineProgress((line) => {
      this.note(line);
    }, options);
  }

  /** The sentence, the hint and, with CIDER_DEBUG, the stack of an error. */
  fail(error: unknown): Failure {
    const failure = describeFailure(error);
    if (!this.#options.json) {
      process.stderr.write(`${this.#colour.red('error:')} ${printable(failure.message)}\n`);
      if (failure.hint !== undefined)
        process.stderr.write(`${this.#colour.cyan('hint:')} ${printable(failure.hint)}\n`);
    }
    if (isSet(process.env['CIDER_DEBUG']) && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
    return failure;
  }

  /** The one JSON document. */
  document(content: object): void {
    if (this.#options.json) process.stdout.write(`${JSON.stringify(content, null, 2)}\n`);
  }
}

/** NO_COLOR (no-color.org) and FORCE_COLOR win over what the terminal is. */
function wantsColour(stream: NodeJS.WriteStream): boolean {
  if (isSet(process.env['NO_COLOR'])) return false;
  const forced = process.env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return stream.isTTY && process.env['TERM'] !== 'dumb';
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}
