/** What WikiText-2 is divided into: perplexities are of the first, and what a model is fitted to comes from the second. */
export type WikitextSplit = 'test' | 'train';

/** The dataset on the Hub. */
export const WIKITEXT_ID = 'Salesforce/wikitext';

/** A split of WikiText-2 there, with the words as they were written. */
export const wikitextFile = (split: WikitextSplit): string => `wikitext-2-raw-v1/${split}-00000-of-00001.parquet`;

/** What a split is called in reports. */
export const wikitextName = (split: WikitextSplit = 'test'): string =>
  split === 'test' ? 'wikitext2' : `wikitext2 ${split}`;

/** The environment variable with the path of a split. */
export const wikitextVariable = (split: WikitextSplit): string =>
  split === 'test' ? 'CIDER_WIKITEXT2' : 'CIDER_WIKITEXT2_TRAIN';

/** Between the rows of a dataset, as in the code of the GPTQ paper and everywhere since. */
export const ROW_SEPARATOR = '\n\n';

/**
 * The text that perplexities on WikiText-2 are computed on, `"\n\n".join(test["text"])` of the dataset
 * `wikitext-2-raw-v1`, from its raw file: a blank line is an empty row there, and any other row ends in a newline. It has 287,644 tokens of GPT-2.
 */
export function joinWikitextRows(raw: string): string {
  const lines = raw.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => (line.trim() === '' ? '' : `${line}\n`)).join(ROW_SEPARATOR);
}

/** The raw file from the rows of the dataset: a row is a line, and an empty one a line with a space. */
export function rawWikitext(rows: readonly string[]): string {
  return rows.map((row) => (row === '' ? ' \n' : row)).join('');
}
