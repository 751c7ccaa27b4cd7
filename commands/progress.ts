import { Presets, SingleBar } from 'cli-progress';
import { formatBytes, formatSeconds } from './text.ts';

/** Progress of one piece of work whose total is known before it starts. */
export interface Progress {
  /** `done` counts from 0 to the total; `item` is what is being worked on, for instance a tensor's name. */
  update(done: number, item?: string): void;
  /** Leaves the last state on the screen; safe to call twice. */
  finish(): void;
}

export interface ProgressOptions {
  label: string;
  total: number;
  unit: 'bytes' | 'windows' | 'cases' | 'measurements' | 'steps' | 'tokens';
  /** Done by an earlier run: it counts, but says nothing of this one's speed. */
  earlier?: number;
}

export const silentProgress: Progress = {
  update: () => undefined,
  finish: () => undefined,
};

/** A bar on a terminal, redrawn at most ten times a second. */
export function barProgress(stream: NodeJS.WriteStream, options: ProgressOptions): Progress {
  const started = performance.now();
  const bar = new SingleBar(
    {
      stream,
      fps: 10,
      hideCursor: true,
      clearOnComplete: false,
      gracefulExit: false,
      format: `${options.label} {bar} {percentage}% | {state} | {item}`,
    },
    Presets.legacy,
  );
  bar.start(Math.max(1, options.total), 0, { state: '', item: '' });
  return {
    update: (done, item) => {
      bar.update(done, { state: describe(options, done, started), ...(item === undefined ? {} : { item }) });
    },
    finish: () => {
      if (!bar.isActive) return;
      bar.update({ item: '' });
      bar.stop();
    },
  };
}

/** Where lines go to a file or a log: one a tenth of the work or half a minute, and none for work that is soon over. */
const LINE_FRACTION = 0.1;
const LINE_MILLISECONDS = 30_000;
const SHORTEST_MILLISECONDS = 2000;

export function lineProgress(write: (line: string) => void, options: ProgressOptions): Progress {
  const started = performance.now();
  let lastDone = options.earlier ?? 0;
  let lastTime = started;
  return {
    update: (done, item) => {
      const now = performance.now();
      const step = (done - lastDone) / Math.max(1, options.total);
      if ((step < LINE_FRACTION || now - lastTime < SHORTEST_MILLISECONDS) && now - lastTime < LINE_MILLISECONDS)
        return;
      lastDone = done;
      lastTime = now;
      const percent = Math.floor((100 * done) / Math.max(1, options.total));
      write(
        `${options.label} ${percent}% | ${describe(options, done, started)}${item === undefined ? '' : ` | ${item}`}`,
      );
    },
    finish: () => undefined,
  };
}

function describe(options: ProgressOptions, done: number, started: number): string {
  const seconds = (performance.now() - started) / 1000;
  const rate = (done - (options.earlier ?? 0)) / Math.max(seconds, 1e-9);
  const remaining = rate === 0 ? '?' : formatSeconds((options.total - done) / rate);
  const amount =
    options.unit === 'bytes'
      ? `${formatBytes(done)} of ${formatBytes(options.total)}, ${formatBytes(Math.round(rate))}/s`
      : `${done} of ${options.total} ${options.unit}`;
  return `${amount}, eta ${remaining}`;
}
