/**
 * The text that perplexities on WikiText-2 are computed on, `"\n\n".join(test["text"])` of the dataset
 * `wikitext-2-raw-v1`, from its raw file. A line of one space is an empty row there; any other row ends in a newline.
 */
export function joinWikitextRows(raw: string): string {
  const lines = raw.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => (line === ' ' ? '' : `${line}\n`)).join('\n\n');
}
