import type { Page } from './pages.ts';
import type { Window } from './protocol.ts';

/**
 * Protocol "word" (`get_rolling_token_windows` of lm-evaluation-harness with a context of one token): every token of a
 * page is scored once, the first one after `startId`. Windows feed at most `ctx` tokens; the last one of a longer page is
 * filled up with tokens that were scored before. The page's words and bytes count with its first window.
 *
 * @param tokenIds of the page, without special tokens
 */
export function pageWindows(tokenIds: Int32Array, startId: number, ctx: number, page: Page): Window[] {
  const ids = new Int32Array(tokenIds.length + 1);
  ids[0] = startId;
  ids.set(tokenIds, 1);
  const cut: Window[] = [];
  for (let seen = 1; seen < ids.length;) {
    const end = Math.min(seen + ctx, ids.length);
    const begin = Math.max(0, end - ctx - 1);
    cut.push({ tokenIds: ids.subarray(begin, end), firstTarget: seen - begin, weight: 1, units: 0, bytes: 0 });
    seen = end;
  }
  if (cut.length > 0) cut[0] = { ...cut[0], units: page.words, bytes: page.bytes };
  return cut;
}
