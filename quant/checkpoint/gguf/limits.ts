/** The first bytes of every GGUF file. */
export const MAGIC = 'GGUF';

/** Version 3 added nothing to 2 but big-endian files. Version 1 has lengths of 32 bits. */
export const VERSIONS = [2, 3] as const;

/**
 * Metadata, names and shapes together. A vocabulary of 262,144 tokens with its scores and 514,906 merges, the largest
 * in use (Gemma 3), takes 16 MB.
 */
export const MAX_HEADER_BYTES: number = 256 * 1024 * 1024;

/** Real files have 20 to 60. */
export const MAX_KEYS = 10_000;

/** Real keys stay below 60 bytes. */
export const MAX_KEY_BYTES = 4096;

/** The largest in use are chat templates of some 20 KB. */
export const MAX_STRING_BYTES: number = 16 * 1024 * 1024;

/** Elements of all arrays together; the vocabulary of Gemma 3 has 1.3 million in four arrays. */
export const MAX_ARRAY_ELEMENTS = 4_000_000;

/** Arrays inside one another. No writer nests them. */
export const MAX_ARRAY_DEPTH = 4;

/** ggml's own bound. */
export const MAX_DIMENSIONS = 4;

/** Real files have 32; a page of memory has 16 KiB at most. */
export const MAX_ALIGNMENT: number = 1024 * 1024;
