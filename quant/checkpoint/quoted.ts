/** Names in a bad file may be megabytes long; a message needs no more than its start. */
const MAX_QUOTED_LENGTH = 120;

/** Text from an untrusted file as it may stand in a message: in quotes, control characters escaped, and not too long. */
export function quoted(text: string): string {
  const isLong = text.length > MAX_QUOTED_LENGTH;
  const excerpt = isLong ? text.slice(0, MAX_QUOTED_LENGTH) : text;
  // JSON escapes C0; the C1 range holds terminal controls too.
  const escaped = JSON.stringify(excerpt).replace(
    /[\u007f-\u009f]/g,
    (unit) => `\\u00${unit.charCodeAt(0).toString(16)}`,
  );
  return isLong ? `${escaped.slice(0, -1)}…"` : escaped;
}

/** A list for a message: the first few, and how many more there are. */
export function listed(names: readonly string[], limit = 5): string {
  const shown = names.slice(0, limit).map((name) => quoted(name));
  const more = names.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}
