#include "attention-packed.h"

#include <string.h>

#include "attention-cache.h"
#include "attention-floats.h"
#include "attention-kernels.h"
#include "attention-queries.h"
#include "thread-pool.h"

// Keys and values are packed for a few heads at a time, then all queries of these heads go through them. A head with a
// NaN or an infinity, which the units would spread to queries that do not see it, is left to f32.
namespace cider {
namespace {

// With fewer, packing takes longer than what it saves.
constexpr uint64_t LEAST_QUERIES = 32;

// Packed keys and values that exist at a time, unless a single head has more.
constexpr size_t PACKED_BYTES = size_t{64} << 20;

struct Plan {
  uint64_t first_block;
  uint32_t blocks;   // of a head
  uint32_t kv_heads; // at a time
  size_t head_bytes; // packed
  size_t flags_bytes, queries_bytes, thread_bytes;
};

Plan plan_of(const FloatKernels &kernels, const KvCache &cache, uint32_t rows, uint64_t begin) {
  const AttentionKernels &units = *kernels.attention;
  const uint64_t positions = units.positions;
  Plan plan;
  plan.first_block = begin / positions;
  plan.blocks = static_cast<uint32_t>(divide_up(uint64_t{cache.length} + rows, positions) - plan.first_block);
  plan.head_bytes = plan.blocks * units.block_bytes(cache.head_dim);
  plan.kv_heads = static_cast<uint32_t>(least(size_t{cache.kv_heads}, most(PACKED_BYTES / plan.head_bytes, size_t{1})));
  plan.flags_bytes = align_up(size_t{plan.kv_heads} * plan.blocks);
  plan.queries_bytes = align_up(units.max_queries * sizeof(Query));
  plan.thread_bytes = align_up(most(plan.queries_bytes + units.scratch_bytes(cache.head_dim),
                                    FloatBatch::scratch_bytes(kernels, cache.head_dim)));
  return plan;
}

// The queries first … first + count - 1 of a head that is packed.
void attend_packed(const AttentionKernels &units, const AttentionArgs &args, const Plan &plan, uint32_t kv_head,
                   uint64_t first, uint32_t count, const char *packed, char *scratch) {
  Query *queries = reinterpret_cast<Query *>(scratch);
  for (uint32_t i = 0; i < count; i++) queries[i] = query_at(args, kv_head, first + i);
  units.attend({
      .q = args.q,
      .out = args.out,
      .queries = queries,
      .count = count,
      .head_dim = args.cache->head_dim,
      .scale = args.scale,
      .packed = packed,
      .first_block = plan.first_block,
      .scratch = scratch + plan.queries_bytes,
  });
}

void attend_floats(const FloatKernels &kernels, const AttentionArgs &args, uint32_t kv_head, uint64_t first,
                   uint32_t count, char *scratch) {
  const uint32_t step = FloatBatch::max_queries(kernels);
  for (uint32_t i = 0; i < count; i += step) {
    FloatBatch batch(kernels, args, kv_head, first + i, least(step, count - i), scratch);
    batch.start();
    batch.attend(0, UINT64_MAX);
    batch.finish();
  }
}

} // namespace

bool takes_packed_attention(const FloatKernels &kernels, const KvCache &cache, uint32_t rows, uint32_t heads) {
  return kernels.attention != nullptr && uint64_t{rows} * (heads / cache.kv_heads) >= LEAST_QUERIES;
}

size_t packed_attention_scratch_bytes(const FloatKernels &kernels, const KvCache &cache, uint32_t rows,
                                      uint32_t threads) {
  const Plan plan = plan_of(kernels, cache, rows, 0);
  return ALIGNMENT + plan.flags_bytes + plan.kv_heads * plan.head_bytes + threads * plan.thread_bytes;
}

void packed_attention(const FloatKernels &kernels, ThreadPool &pool, const AttentionArgs &args) {
  const AttentionKernels &units = *kernels.attention;
  const KvCache &cache = *args.cache;
  const uint64_t end = uint64_t{cache.length} + args.rows;
  const Plan plan = plan_of(kernels, cache, args.rows, query_at(args, 0, 0).begin);
  bool *is_packed = static_cast<bool *>(align_up(args.scratch)); // [kv_heads, blocks]
  char *packed = reinterpret_cast<char *>(is_packed) + plan.flags_bytes;
  char *thread_scratch = packed + plan.kv_heads * plan.head_bytes;

  const uint64_t queries = queries_per_head(args);
  const uint32_t batches = static_cast<uint32_t>(divide_up(queries, uint64_t{units.max_queries}));
  for (uint32_t top = 0; top < cache.kv_heads; top += plan.kv_heads) {
    const uint32_t kv_heads = least(plan.kv_heads, cache.kv_heads - top);
    parallel(pool, kv_heads * plan.blocks, [&](uint32_t task, uint32_t) {
      const uint32_t kv_head = top + task / plan.blocks;
      const uint64_t position = (plan.first_block + task % plan.blocks) * units.positions;
      const KeyValueBlock block = {
          .keys = keys_of(kernels, cache, kv_head) + position * cache.head_dim,
          .values = values_of(kernels, cache, kv_head) + position * kernels.panel,
          .value_stride = cache.capacity,
          .head_dim = cache.head_dim,
          .count = static_cast<uint32_t>(least(end - position, uint64_t{units.positions})),
      };
      is_packed[task] = units.pack(block, packed + task * units.block_bytes(cache.head_dim));
    });
    parallel(pool, kv_heads * batches, [&](uint32_t task, uint32_t thread) {
      // Head after head, so that the threads share what is in a cache; of a head the last queries first, as they see
      // most and no thread should be left alone with them.
      const uint32_t index = task / batches;
      const uint64_t first = uint64_t{batches - 1 - task % batches} * units.max_queries;
      const uint32_t count = static_cast<uint32_t>(least(uint64_t{units.max_queries}, queries - first));
      char *scratch = thread_scratch + thread * plan.thread_bytes;
      if (memchr(is_packed + size_t{index} * plan.blocks, false, plan.blocks) == nullptr) {
        attend_packed(units, args, plan, top + index, first, count, packed + index * plan.head_bytes, scratch);
      } else {
        attend_floats(kernels, args, top + index, first, count, scratch);
      }
    });
  }
}

} // namespace cider
