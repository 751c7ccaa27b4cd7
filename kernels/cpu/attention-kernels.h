// What an instruction set with matrix units supplies for attention to many queries; attention.cpp drives it.
//
// Keys and values are packed once for all queries that share them, in blocks of `positions`, into what the units take.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace cider {

// A query and what it sees: the positions begin … end - 1.
struct Query {
  uint64_t begin, end;
  size_t offset; // of its head in q and out
};

// Keys and values of up to `positions` positions of a head, as the cache holds them.
struct KeyValueBlock {
  const float *keys;   // [positions / panel, head_dim, panel]
  const float *values; // [⌈head_dim / panel⌉, value_stride, panel]
  size_t value_stride; // positions
  uint32_t head_dim;
  uint32_t count; // positions that are there
};

// Queries that share a head of keys, by rising begin and end, and the blocks of keys and values that they see.
struct QueryBatch {
  const float *q;
  float *out; // may be q
  const Query *queries;
  uint32_t count;
  uint32_t head_dim;
  float scale;
  const char *packed;   // block after block
  uint64_t first_block; // that lies at `packed`; block b begins at position b · positions
  char *scratch;        // [scratch_bytes], 64-byte aligned
};

struct AttentionKernels {
  uint32_t positions;   // of a block; a multiple of the cache's panel
  uint32_t max_queries; // of a batch
  size_t (*block_bytes)(uint32_t head_dim);
  size_t (*scratch_bytes)(uint32_t head_dim);

  // False if the block holds a NaN or an infinity, or what rounds to one: `attend` must not see it.
  bool (*pack)(const KeyValueBlock &block, void *packed);
  void (*attend)(const QueryBatch &batch);
};

} // namespace cider
