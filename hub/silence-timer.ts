/** Aborts `signal` when nothing was heard for a while, or when the outer signal does. */
export class SilenceTimer {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #limitMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number, outer: AbortSignal) {
    this.#limitMs = limitMs;
    this.signal = AbortSignal.any([this.#controller.signal, outer]);
    this.restart();
  }

  get hasFired(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Something was heard. */
  restart(): void {
    this.stop();
    this.#timer = setTimeout(() => {
      this.#controller.abort();
    }, this.#limitMs);
  }

  private stop(): void {
    clearTimeout(this.#timer);
  }

  /** Stops, and aborts what still listens, such as a body that nobody reads to its end. */
  dispose(): void {
    this.stop();
    this.#controller.abort();
  }
}
