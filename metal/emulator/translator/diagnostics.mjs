/** What is wrong with a source, in the form of a compiler's messages. */
export class Diagnostics {
  #messages = [];

  /** @param {{ file: string, line: number, column: number }} place */
  error(place, message) {
    const line = `${place.file}:${place.line}:${place.column}: error: ${message}`;
    if (!this.#messages.includes(line)) this.#messages.push(line);
  }

  get failed() {
    return this.#messages.length > 0;
  }

  toString() {
    return this.#messages.map((message) => `${message}\n`).join('');
  }
}
