#include "attention.h"

#include <string.h>

#include "attention-cache.h"
#include "attention-floats.h"
#include "attention-packed.h"
#include "attention-queries.h"
#include "thread-pool.h"

namespace cider {
namespace {

// Adds k and v [rows, kv_heads · head_dim] of one head.
void append(const FloatKernels &kernels, const AttentionArgs &args, uint32_t kv_head) {
  const KvCache &cache = *args.cache;
  const size_t panel = kernels.panel;
  const uint32_t head_dim = cache.head_dim;
  float *keys = keys_of(kernels, cache, kv_head);
  float *values = values_of(kernels, cache, kv_head);
  for (uint32_t row = 0; row < args.rows; row++) {
    const size_t position = size_t{cache.length} + row;
    const size_t source = (size_t{row} * cache.kv_heads + kv_head) * head_dim;
    float *key = keys + position / panel * panel * head_dim + position % panel;
    for (uint32_t d = 0; d < head_dim; d++) key[d * panel] = args.k[source + d];
    float *value = values + position * panel;
    for (uint32_t d = 0; d < head_dim; d += kernels.panel, value += cache.capacity * panel) {
      memcpy(value, args.v + source + d, least(kernels.panel, head_dim - d) * sizeof(float));
    }
  }
}

// Positions of a part, at least: with fewer, putting parts together would take longer than what it saves.
constexpr uint32_t PART_POSITIONS = 2 * SCORE_STRIDE;

// Into how many parts the positions are cut, so that all threads have something to do when a single batch holds all
// queries of a head.
uint32_t parts_of(const FloatKernels &kernels, const KvCache &cache, uint32_t rows, uint32_t heads, uint32_t threads) {
  if (uint64_t{rows} * (heads / cache.kv_heads) > FloatBatch::max_queries(kernels)) return 1;
  const uint32_t tasks = threads == 1 ? 1 : divide_up(4 * threads, cache.kv_heads);
  return most(least((cache.length + rows) / PART_POSITIONS, tasks), 1u);
}

// A thread takes batches of queries, each with all it sees.
void attend_by_queries(const FloatKernels &kernels, ThreadPool &pool, const AttentionArgs &args, char *scratch,
                       size_t batch_bytes) {
  const uint32_t kv_heads = args.cache->kv_heads;
  const uint64_t queries = queries_per_head(args);
  const uint32_t step = FloatBatch::max_queries(kernels);
  const uint32_t batches = static_cast<uint32_t>(divide_up(queries, uint64_t{step}));
  parallel(pool, batches * kv_heads, [&](uint32_t task, uint32_t thread) {
    // The last queries see most and come first, so that no thread is left alone with them.
    const uint64_t first = uint64_t{batches - 1 - task / kv_heads} * step;
    const uint32_t count = static_cast<uint32_t>(least(uint64_t{step}, queries - first));
    FloatBatch batch(kernels, args, task % kv_heads, first, count, scratch + thread * batch_bytes);
    batch.start();
    batch.attend(0, UINT64_MAX);
    batch.finish();
  });
}

// A thread takes all queries of a head with one part of the positions.
void attend_by_parts(const FloatKernels &kernels, ThreadPool &pool, const AttentionArgs &args, uint32_t parts,
                     char *scratch, size_t batch_bytes) {
  const uint32_t kv_heads = args.cache->kv_heads;
  const uint32_t queries = static_cast<uint32_t>(queries_per_head(args));
  const uint64_t begin = query_at(args, 0, 0).begin / SCORE_STRIDE;
  const uint64_t blocks = divide_up(uint64_t{args.cache->length} + args.rows, uint64_t{SCORE_STRIDE}) - begin;
  const auto batch_of = [&](uint32_t kv_head, uint32_t part) {
    return FloatBatch(kernels, args, kv_head, 0, queries, scratch + (kv_head * parts + part) * batch_bytes);
  };
  parallel(pool, kv_heads * parts, [&](uint32_t task, uint32_t) {
    const uint32_t part = task % parts;
    FloatBatch batch = batch_of(task / parts, part);
    batch.start();
    batch.attend((begin + blocks * part / parts) * SCORE_STRIDE, (begin + blocks * (part + 1) / parts) * SCORE_STRIDE);
  });
  parallel(pool, kv_heads, [&](uint32_t kv_head, uint32_t) {
    FloatBatch batch = batch_of(kv_head, 0);
    for (uint32_t part = 1; part < parts; part++) batch.add(batch_of(kv_head, part));
    batch.finish();
  });
}

} // namespace

size_t kv_cache_bytes(const FloatKernels &kernels, uint32_t capacity, uint32_t kv_heads, uint32_t head_dim) {
  const KvCache cache = {nullptr, capacity, kv_heads, head_dim, 0};
  return (key_floats(kernels, cache) + value_floats(kernels, cache)) * kv_heads * sizeof(float);
}

size_t attention_scratch_bytes(const FloatKernels &kernels, const KvCache &cache, uint32_t rows, uint32_t heads,
                               uint32_t threads) {
  const uint32_t parts = parts_of(kernels, cache, rows, heads, threads);
  const size_t batches = most(threads, parts == 1 ? 1 : cache.kv_heads * parts);
  const size_t bytes = ALIGNMENT + batches * align_up(FloatBatch::scratch_bytes(kernels, cache.head_dim));
  if (!takes_packed_attention(kernels, cache, rows, heads)) return bytes;
  return most(bytes, packed_attention_scratch_bytes(kernels, cache, rows, threads));
}

void attention(const FloatKernels &kernels, ThreadPool &pool, const AttentionArgs &args) {
  KvCache &cache = *args.cache;
  parallel(pool, cache.kv_heads, [&](uint32_t kv_head, uint32_t) { append(kernels, args, kv_head); });
  // Matrix units would have to wait for the cap of each score.
  if (args.soft_cap == 0 && takes_packed_attention(kernels, cache, args.rows, args.heads)) {
    packed_attention(kernels, pool, args);
  } else {
    char *scratch = static_cast<char *>(align_up(args.scratch));
    const size_t batch_bytes = align_up(FloatBatch::scratch_bytes(kernels, cache.head_dim));
    const uint32_t parts = parts_of(kernels, cache, args.rows, args.heads, pool.threads());
    if (parts == 1) {
      attend_by_queries(kernels, pool, args, scratch, batch_bytes);
    } else {
      attend_by_parts(kernels, pool, args, parts, scratch, batch_bytes);
    }
  }
  cache.length += args.rows;
}

} // namespace cider
