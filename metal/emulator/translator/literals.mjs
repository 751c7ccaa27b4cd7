/** Floating literals without a suffix are floats: Metal has no double. */
export function translateLiterals(tokens, diagnostics) {
  for (const token of tokens.all) {
    if (token.kind !== 'number') continue;
    const isHexadecimal = /^0[xX]/.test(token.text);
    const isFloating = isHexadecimal ? /[pP.]/.test(token.text) : /[.eE]/.test(token.text);
    if (!isFloating) continue;
    if (/[lL]$/.test(token.text)) diagnostics.error(token, 'Metal has no long double');
    const hasSuffix = isHexadecimal ? /[pP][-+]?\d+[fFhH]$/.test(token.text) : /([fFhH]|bf|BF)$/.test(token.text);
    if (!hasSuffix) token.text += 'f';
  }
}
