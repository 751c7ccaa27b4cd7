import { expect, it } from 'vitest';
import { loadText } from './load-text.ts';

const wikitext2Path = process.env['CIDER_WIKITEXT2'];

/** The file is not ours to ship; its 4358 rows are those of the Parquet file of the Hub. */
it.skipIf(wikitext2Path === undefined)('gives the text that published perplexities are of', async () => {
  await expect(loadText({ kind: 'wikitext2' }, { wikitext2Path })).resolves.toMatchObject({
    sha256: '696cca6b65a171b0a358a4be6732cdfdf2dd6164a32e20fd70e3c13fc4dfae83',
    bytes: 1_296_370,
  });
});
