/** The golden ratio less 1: its multiples spread evenly over 0 … 1, and follow no period of a text's windows. */
const STEP = (Math.sqrt(5) - 1) / 2;

/**
 * Chooses rows evenly over all of them: one from each of `wanted` equal ranges, at a place within it that differs from
 * range to range. The first tokens of windows, which are unlike others, thus have the share that they have in the text.
 *
 * @returns ascending; all rows if they are not more than wanted
 */
export function sampleRows(rows: number, wanted: number): number[] {
  const count = Math.min(rows, wanted);
  const boundary = (range: number): number => Math.floor((range * rows) / count);
  return Array.from({ length: count }, (_, range) => {
    const width = boundary(range + 1) - boundary(range);
    return boundary(range) + Math.floor(((range * STEP) % 1) * width);
  });
}
