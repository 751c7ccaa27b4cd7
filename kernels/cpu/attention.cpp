#include "attention.h"

#include <math.h>
#include <string.h>

#include "float-kernels.h"
#include "sizes.h"
#include "thread-pool.h"

// Online softmax (Milakov and Gimelshein 2018; Dao et al. 2022): the keys are gone through in blocks; each query keeps
// the largest score so far, the sum of the weights exp(score - largest) and the values weighted with them, and corrects
// both when a larger score turns up. Queries that share a head of keys make the rows of a tile, heads of a position
// first, so that keys and values are read once for all of them.
namespace cider {
namespace {

// Tiles that go through the keys together, so that a block of keys and values is still in a cache for the next one.
constexpr uint32_t TILES_PER_TASK = 4;

// Floats of one head.
size_t key_floats(const FloatKernels &kernels, const KvCache &cache) {
  return size_t{divide_up(cache.capacity, kernels.panel)} * kernels.panel * cache.head_dim;
}
size_t value_floats(const FloatKernels &kernels, const KvCache &cache) {
  return size_t{divide_up(cache.head_dim, kernels.panel)} * kernels.panel * cache.capacity;
}

float *keys_of(const FloatKernels &kernels, const KvCache &cache, uint32_t kv_head) {
  return cache.memory + kv_head * key_floats(kernels, cache);
}
float *values_of(const FloatKernels &kernels, const KvCache &cache, uint32_t kv_head) {
  return cache.memory + cache.kv_heads * key_floats(kernels, cache) + kv_head * value_floats(kernels, cache);
}

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

// What a query has seen so far. It sees the positions begin … end - 1.
struct Query {
  uint64_t begin, end;
  size_t offset; // of its head in q and out
  float largest;
  float sum;
};

// Up to TILES_PER_TASK tiles of queries of one head of keys, and what a thread needs to work on them.
class QueryBlock {
public:
  static size_t scratch_bytes(const FloatKernels &kernels, uint32_t head_dim) {
    const size_t queries = size_t{TILES_PER_TASK} * kernels.tile_rows;
    return align_up(queries * sizeof(Query)) + align_up(queries * head_dim * sizeof(float)) +
           queries * divide_up(head_dim, kernels.panel) * kernels.panel * sizeof(float) +
           size_t{kernels.tile_rows} * SCORE_STRIDE * sizeof(float);
  }

  // The queries first … first + count - 1 of kv_head.
  QueryBlock(const FloatKernels &kernels, const AttentionArgs &args, uint32_t kv_head, uint64_t first, uint32_t count,
             char *scratch)
      : kernels_(kernels), args_(args), cache_(*args.cache), head_dim_(args.cache->head_dim), count_(count),
        tiles_(divide_up(count, kernels.tile_rows)) {
    const size_t queries = size_t{TILES_PER_TASK} * kernels.tile_rows;
    keys_ = keys_of(kernels, cache_, kv_head);
    values_ = values_of(kernels, cache_, kv_head);
    mixed_stride_ = size_t{divide_up(head_dim_, kernels.panel)} * kernels.panel;
    queries_ = reinterpret_cast<Query *>(scratch);
    packed_ = reinterpret_cast<float *>(scratch + align_up(queries * sizeof(Query)));
    mixed_ = packed_ + align_up(queries * head_dim_ * sizeof(float)) / sizeof(float);
    scores_ = mixed_ + queries * mixed_stride_;

    const uint32_t shared = args.heads / cache_.kv_heads;
    for (uint32_t i = 0; i < count; i++) {
      const uint64_t row = (first + i) / shared;
      const uint64_t head = uint64_t{kv_head} * shared + (first + i) % shared;
      const uint64_t end = cache_.length + row + 1;
      const uint64_t window = args.sliding_window == 0 ? end : least(uint64_t{args.sliding_window}, end);
      queries_[i] = {end - window, end, (row * args.heads + head) * head_dim_, -INFINITY, 0};
    }
    for (uint32_t tile = 0; tile < tiles_; tile++) pack(tile);
    memset(mixed_, 0, count * mixed_stride_ * sizeof(float));
  }

  void attend() {
    const uint64_t end = queries_[count_ - 1].end;
    for (uint64_t block = queries_[0].begin / SCORE_STRIDE * SCORE_STRIDE; block < end; block += SCORE_STRIDE) {
      for (uint32_t tile = 0; tile < tiles_; tile++) attend_block(tile, block);
    }
    for (uint32_t i = 0; i < count_; i++) {
      const float *mixed = mixed_ + i * mixed_stride_;
      float *out = args_.out + queries_[i].offset;
      for (uint32_t d = 0; d < head_dim_; d++) out[d] = mixed[d] / queries_[i].sum;
    }
  }

private:
  uint32_t first_of(uint32_t tile) const { return count_ * tile / tiles_; }

  // The queries of a tile as [head_dim, rows].
  void pack(uint32_t tile) {
    const uint32_t first = first_of(tile);
    const uint32_t rows = first_of(tile + 1) - first;
    float *target = packed_ + size_t{first} * head_dim_;
    for (uint32_t i = 0; i < rows; i++) {
      const float *source = args_.q + queries_[first + i].offset;
      for (uint32_t d = 0; d < head_dim_; d++) target[size_t{d} * rows + i] = source[d];
    }
  }

  // Takes the positions block … block + SCORE_STRIDE - 1 into account, as far as each query sees them.
  void attend_block(uint32_t tile, uint64_t block) {
    const uint32_t first = first_of(tile);
    const uint32_t rows = first_of(tile + 1) - first;
    const Query *queries = queries_ + first;
    // Queries go up in position, and with them what they see.
    const uint64_t begin = most(queries[0].begin, block);
    const uint64_t end = least(queries[rows - 1].end, block + SCORE_STRIDE);
    if (begin >= end) return;
    const uint32_t panel = kernels_.panel;
    constexpr float zeros[MAX_PANEL] = {};
    for (uint64_t position = begin / panel * panel; position < end; position += panel) {
      kernels_.multiply[rows]({
          .tile = packed_ + size_t{first} * head_dim_,
          .panel = keys_ + position * head_dim_,
          .depth = head_dim_,
          .addend = zeros,
          .addend_stride = 0,
          .out = scores_ + (position - block),
          .out_stride = SCORE_STRIDE,
          .next = nullptr,
          .next_lines = 0,
      });
    }
    for (uint32_t i = 0; i < rows; i++) weigh(first + i, scores_ + i * SCORE_STRIDE, block);

    // Positions that all queries see are multiplied for the whole tile, the others for each query that sees them: a
    // weight of zero would not do, as it makes NaN of a NaN or infinity that a query must not see.
    const uint64_t common_begin = most(queries[rows - 1].begin, block);
    const uint64_t common_end = most(common_begin, least(queries[0].end, block + SCORE_STRIDE));
    mix(first, rows, 0, block, common_begin, common_end);
    for (uint32_t i = 0; i < rows; i++) {
      const uint64_t seen_begin = most(queries[i].begin, block);
      const uint64_t seen_end = least(queries[i].end, block + SCORE_STRIDE);
      mix(first + i, 1, i, block, seen_begin, least(seen_end, common_begin));
      mix(first + i, 1, i, block, most(seen_begin, common_end), seen_end);
    }
  }

  // Turns the scores of a query into weights.
  void weigh(uint32_t index, float *scores, uint64_t block) {
    Query &query = queries_[index];
    const uint64_t begin = most(query.begin, block);
    const uint64_t end = least(query.end, block + SCORE_STRIDE);
    if (begin >= end) return;
    const float found = kernels_.largest(scores + (begin - block), end - begin, args_.scale);
    if (found > query.largest) {
      const float correction = expf(query.largest - found);
      query.largest = found;
      query.sum *= correction;
      float *mixed = mixed_ + index * mixed_stride_;
      for (size_t d = 0; d < mixed_stride_; d++) mixed[d] *= correction;
    }
    // While all scores are -infinity, so is the largest one, and any other shift gives them their weight of 0.
    const float shift = query.largest == -INFINITY ? 0 : query.largest;
    query.sum += kernels_.exponentiate(scores + (begin - block), end - begin, args_.scale, shift);
  }

  // Adds the values of the positions begin … end - 1 to `rows` queries, whose weights start in row `score_row`.
  void mix(uint32_t first, uint32_t rows, uint32_t score_row, uint64_t block, uint64_t begin, uint64_t end) {
    if (begin >= end) return;
    const float *weights = scores_ + size_t{score_row} * SCORE_STRIDE + (begin - block);
    const float *values = values_ + begin * kernels_.panel;
    for (size_t d = 0; d < mixed_stride_; d += kernels_.panel) {
      float *mixed = mixed_ + first * mixed_stride_ + d;
      kernels_.multiply_scores[rows]({
          .tile = weights,
          .panel = values + d * cache_.capacity,
          .depth = static_cast<uint32_t>(end - begin),
          .addend = mixed,
          .addend_stride = mixed_stride_,
          .out = mixed,
          .out_stride = mixed_stride_,
          .next = nullptr,
          .next_lines = 0,
      });
    }
  }

  const FloatKernels &kernels_;
  const AttentionArgs &args_;
  const KvCache &cache_;
  const uint32_t head_dim_, count_, tiles_;
  const float *keys_, *values_; // of the head
  Query *queries_;              // [count]
  float *packed_;               // tile after tile
  float *mixed_;                // [count, mixed_stride], sums of weighted values
  size_t mixed_stride_;
  float *scores_; // [rows of a tile, SCORE_STRIDE], first scores, then weights
};

uint32_t queries_per_task(const FloatKernels &kernels) { return TILES_PER_TASK * kernels.tile_rows; }

} // namespace

size_t kv_cache_bytes(const FloatKernels &kernels, uint32_t capacity, uint32_t kv_heads, uint32_t head_dim) {
  const KvCache cache = {nullptr, capacity, kv_heads, head_dim, 0};
  return (key_floats(kernels, cache) + value_floats(kernels, cache)) * kv_heads * sizeof(float);
}

size_t attention_scratch_bytes(const FloatKernels &kernels, const KvCache &cache, uint32_t, uint32_t,
                               uint32_t threads) {
  return ALIGNMENT + threads * align_up(QueryBlock::scratch_bytes(kernels, cache.head_dim));
}

void attention(const FloatKernels &kernels, ThreadPool &pool, const AttentionArgs &args) {
  KvCache &cache = *args.cache;
  parallel(pool, cache.kv_heads, [&](uint32_t kv_head, uint32_t) { append(kernels, args, kv_head); });

  const uint64_t queries = uint64_t{args.rows} * (args.heads / cache.kv_heads);
  const uint32_t step = queries_per_task(kernels);
  const uint32_t blocks = static_cast<uint32_t>(divide_up(queries, uint64_t{step}));
  const size_t thread_bytes = align_up(QueryBlock::scratch_bytes(kernels, cache.head_dim));
  char *scratch = static_cast<char *>(align_up(args.scratch));
  parallel(pool, blocks * cache.kv_heads, [&](uint32_t task, uint32_t thread) {
    // The last queries see most and come first, so that no thread is left alone with them.
    const uint64_t first = uint64_t{blocks - 1 - task / cache.kv_heads} * step;
    const uint32_t count = static_cast<uint32_t>(least(uint64_t{step}, queries - first));
    QueryBlock(kernels, args, task % cache.kv_heads, first, count, scratch + thread * thread_bytes).attend();
  });
  cache.length += args.rows;
}

} // namespace cider
