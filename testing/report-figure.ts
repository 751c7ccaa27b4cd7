/** Prints a figure that `docs/reliability.md` quotes, with the test that it comes from. */
export function reportFigure(text: string): void {
  console.log(text);
}
