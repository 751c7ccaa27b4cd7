import { createHash } from 'node:crypto';

/** What a file of a repository holds, as the Hub declares it. */
export interface Content {
  /** Bytes. */
  size: number;
  /** SHA-256 (64 hex digits) of a file in large file storage, git's SHA-1 of a blob (40) of any other; its name in `blobs`. */
  hash: string;
}

export const isContentHash = (text: string): boolean => /^(?:[0-9a-f]{64}|[0-9a-f]{40})$/.test(text);

/** Hashes a content as it arrives, by the kind of hash that it is declared with. */
export class ContentHasher {
  readonly #hash: ReturnType<typeof createHash>;

  constructor({ size, hash }: Content) {
    const isBlob = hash.length === 40;
    this.#hash = createHash(isBlob ? 'sha1' : 'sha256');
    // git hashes a header before the content: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
    if (isBlob) this.#hash.update(`blob ${size}\0`);
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}
