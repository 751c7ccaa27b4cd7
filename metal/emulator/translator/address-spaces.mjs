/** In a library that runs, memory is memory: sanitizers know no other. `constant` keeps others from writing. */
const PLAIN = { device: '', constant: 'const', threadgroup: '', thread: '' };

/** For a compiler that only checks: pointers to different memory do not mix. */
const ATTRIBUTES = {
  device: '__attribute__((address_space(1)))',
  constant: '__attribute__((address_space(2))) const',
  threadgroup: '__attribute__((address_space(3)))',
  thread: '',
};

export function translateAddressSpaces(tokens, { strict }) {
  const spaces = strict ? ATTRIBUTES : PLAIN;
  for (const token of tokens.all) {
    if (token.kind === 'word' && Object.hasOwn(spaces, token.text)) token.text = spaces[token.text];
  }
}
