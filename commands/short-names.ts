/** What a user named, and what tells it from others of that name. */
export interface LongName {
  /** A path, or `org/name@<commit>` of the Hub. */
  path: string;
  /** Stands behind the name. */
  suffix?: string;
}

/** Of a commit, as git shows it. */
const COMMIT_CHARACTERS = 7;

/**
 * Names for tables and pictures: the ends of paths, as much of them as tells them apart; what is the same in full is
 * numbered.
 */
export function shortNames(names: readonly LongName[]): string[] {
  const parts = names.map(({ path }) => {
    const short = path.replace(/@([0-9a-f]{40})$/, (_, commit: string) => `@${commit.slice(0, COMMIT_CHARACTERS)}`);
    return short.split('/').filter((part) => part !== '' && part !== '.');
  });
  const longest = Math.max(...parts.map(({ length }) => length));
  let short: string[] = [];
  for (let depth = 1; depth <= longest; depth++) {
    short = names.map(({ path, suffix }, index) => {
      const unique = short.length > 0 && short.filter((name) => name === short[index]).length === 1;
      if (unique) return short[index];
      return [parts[index].slice(-depth).join('/') || path, suffix].filter((part) => part !== undefined).join(' ');
    });
  }
  const taken = new Set<string>();
  return short.map((name) => {
    let free = name;
    for (let number = 2; taken.has(free); number++) free = `${name} (${number})`;
    taken.add(free);
    return free;
  });
}
