const CONTRACT = /^\s*#\s*pragma\s+METAL\s+fp\s+contract\s*\(\s*(\w+)\s*\)\s*$/;
const INCLUDE = /^\s*#\s*pragma\s+emulator\s+include\s+("[^"]+")\s*$/;
const MARKER = /^\s*#\s*(\d+)\s+("(?:\\.|[^"\\])*").*$/;

/**
 * Pragmas and line markers in the compiler's own words.
 *
 * @returns {{ contract: string | undefined }} what the first pragma says of contraction
 */
export function translateDirectives(tokens, diagnostics) {
  let contract;
  for (const token of tokens.all) {
    if (token.kind !== 'directive') continue;
    const mode = CONTRACT.exec(token.text)?.[1];
    const include = INCLUDE.exec(token.text)?.[1];
    if (include) token.text = `#include ${include}`;
    else if (mode) {
      contract ??= mode;
      if (!['on', 'off', 'fast'].includes(mode)) diagnostics.error(token, `fp contract(${mode}) is not in Metal`);
      token.text = `#pragma clang fp contract(${mode})`;
    } else if (/^\s*#\s*pragma\s+METAL\b/.test(token.text)) {
      diagnostics.error(token, `a pragma that is not emulated: ${token.text.trim()}`);
    } else token.text = token.text.replace(MARKER, '#line $1 $2');
  }
  return { contract };
}
