import { createHash } from 'node:crypto';

const CS_MAGIC_EMBEDDED = 0xfade0cc0;
const CS_MAGIC_CODE_DIRECTORY = 0xfade0c02;
const CS_HASHTYPE_SHA256 = 2;
const CS_ADHOC = 0x2;

/** Hashes of the pages of a file, as its signature has them and as they are. */
function* pageHashes(file, start) {
  if (start === undefined) throw new Error('unsigned');
  if (file.readUInt32BE(start) !== CS_MAGIC_EMBEDDED) throw new Error('not a signature');
  const directory = start + file.readUInt32BE(start + 16);
  const word = (offset) => file.readUInt32BE(directory + offset);
  if (word(0) !== CS_MAGIC_CODE_DIRECTORY || file[directory + 37] !== CS_HASHTYPE_SHA256) {
    throw new Error('a signature of another kind');
  }
  if ((word(12) & CS_ADHOC) === 0) throw new Error('a signature by somebody');
  const [hashes, pages, limit] = [word(16), word(28), word(32)];
  if (limit !== start) throw new Error(`a signature of ${limit} bytes of ${start}`);
  const [hashBytes, pageBytes] = [file[directory + 36], 2 ** file[directory + 39]];
  for (let page = 0; page < pages; page++) {
    const slot = directory + hashes + page * hashBytes;
    const content = file.subarray(page * pageBytes, Math.min((page + 1) * pageBytes, limit));
    yield { slot: file.subarray(slot, slot + hashBytes), hash: createHash('sha256').update(content).digest() };
  }
}

/**
 * What is to be said of the signature that begins at `start` and ends the file.
 *
 * @param {Buffer} file
 * @param {number | undefined} start
 * @returns {string} `ad hoc` if it is one and the hashes of all pages are right, else what is wrong
 */
export function checkSignature(file, start) {
  try {
    const wrong = [...pageHashes(file, start)].findIndex(({ slot, hash }) => !slot.equals(hash));
    return wrong === -1 ? 'ad hoc' : `page ${wrong} was changed`;
  } catch (error) {
    return error.message;
  }
}

/** Renews an ad-hoc signature: nothing in it but the hashes depends on the content. */
export function renewSignature(file, start) {
  for (const { slot, hash } of pageHashes(file, start)) slot.set(hash);
}
