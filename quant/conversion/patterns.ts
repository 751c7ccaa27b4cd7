import { UsageError } from '../errors.ts';

/**
 * Whether a module path such as `model.layers.3.mlp.down_proj` is meant by one of the patterns: a whole path, its last
 * parts (`down_proj`, `mlp.down_proj`), either with `*` for any characters, or `re:` and a regular expression that
 * matches from the start of the path, as compressed-tensors writes them.
 */
export function compilePatterns(
  patterns: readonly string[],
): { pattern: string; matches: (path: string) => boolean }[] {
  return patterns.map((pattern) => ({ pattern, matches: compile(pattern) }));
}

function compile(pattern: string): (path: string) => boolean {
  const expression = pattern.startsWith('re:') ? `^(?:${pattern.slice(3)})` : `(?:^|\\.)${escapeGlob(pattern)}$`;
  try {
    const compiled = new RegExp(expression);
    return (path) => compiled.test(path);
  } catch (error) {
    throw new UsageError(`--ignore ${pattern}: not a regular expression`, {
      code: 'E_BAD_PATTERN',
      hint: 'write a module path, its last part, * for any characters, or re: and an expression',
      details: { value: pattern },
      cause: error,
    });
  }
}

function escapeGlob(pattern: string): string {
  return pattern
    .split('*')
    .map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
    .join('.*');
}
