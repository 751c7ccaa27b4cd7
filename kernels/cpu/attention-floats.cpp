#include "attention-floats.h"

#include <math.h>
#include <string.h>

#include "attention-cache.h"
#include "attention-queries.h"

namespace cider {
namespace {

constexpr uint32_t TILES = 4;

size_t padded(const FloatKernels &kernels, uint32_t head_dim) {
  return size_t{divide_up(head_dim, kernels.panel)} * kernels.panel;
}

} // namespace

uint32_t FloatBatch::max_queries(const FloatKernels &kernels) { return TILES * kernels.tile_rows; }

size_t FloatBatch::scratch_bytes(const FloatKernels &kernels, uint32_t head_dim) {
  const size_t queries = max_queries(kernels);
  return align_up(queries * sizeof(Seen)) + align_up(queries * head_dim * sizeof(float)) +
         align_up(queries * padded(kernels, head_dim) * sizeof(float)) +
         kernels.tile_rows * SCORE_STRIDE * sizeof(float);
}

FloatBatch::FloatBatch(const FloatKernels &kernels, const AttentionArgs &args, uint32_t kv_head, uint64_t first,
                       uint32_t count, char *scratch)
    : kernels_(kernels), args_(args), cache_(*args.cache), kv_head_(kv_head), first_(first),
      head_dim_(args.cache->head_dim), count_(count), tiles_(divide_up(count, kernels.tile_rows)) {
  const size_t queries = max_queries(kernels);
  keys_ = keys_of(kernels, cache_, kv_head);
  values_ = values_of(kernels, cache_, kv_head);
  mixed_stride_ = padded(kernels, head_dim_);
  seen_ = reinterpret_cast<Seen *>(scratch);
  scratch += align_up(queries * sizeof(Seen));
  packed_ = reinterpret_cast<float *>(scratch);
  scratch += align_up(queries * head_dim_ * sizeof(float));
  mixed_ = reinterpret_cast<float *>(scratch);
  scratch += align_up(queries * mixed_stride_ * sizeof(float));
  scores_ = reinterpret_cast<float *>(scratch);
}

void FloatBatch::start() {
  for (uint32_t i = 0; i < count_; i++) seen_[i] = {query_at(args_, kv_head_, first_ + i), -INFINITY, 0};
  for (uint32_t tile = 0; tile < tiles_; tile++) pack(tile);
  memset(mixed_, 0, count_ * mixed_stride_ * sizeof(float));
}

// The queries of a tile as [head_dim, rows].
void FloatBatch::pack(uint32_t tile) {
  const uint32_t first = first_of(tile);
  const uint32_t rows = first_of(tile + 1) - first;
  float *target = packed_ + size_t{first} * head_dim_;
  for (uint32_t i = 0; i < rows; i++) {
    const float *source = args_.q + seen_[first + i].query.offset;
    for (uint32_t d = 0; d < head_dim_; d++) target[size_t{d} * rows + i] = source[d];
  }
}

void FloatBatch::attend(uint64_t begin, uint64_t end) {
  const uint64_t first = most(begin, seen_[0].query.begin / SCORE_STRIDE * SCORE_STRIDE);
  const uint64_t last = least(end, seen_[count_ - 1].query.end);
  for (uint64_t block = first; block < last; block += SCORE_STRIDE) {
    const uint64_t limit = least(last, block + SCORE_STRIDE);
    for (uint32_t tile = 0; tile < tiles_; tile++) attend_block(tile, block, limit);
  }
}

// Takes the positions block … limit - 1 into account.
void FloatBatch::attend_block(uint32_t tile, uint64_t block, uint64_t limit) {
  const uint32_t first = first_of(tile);
  const uint32_t rows = first_of(tile + 1) - first;
  const Seen *seen = seen_ + first;
  // Queries go up in position, and with them what they see.
  const uint64_t begin = most(seen[0].query.begin, block);
  const uint64_t end = least(seen[rows - 1].query.end, limit);
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
  for (uint32_t i = 0; i < rows; i++) weigh(first + i, scores_ + i * SCORE_STRIDE, block, limit);

  // Positions that all queries see are multiplied for the whole tile, the others for each query that sees them: a
  // weight of zero would not do, as it makes NaN of a NaN or infinity that a query must not see.
  const uint64_t common_begin = most(seen[rows - 1].query.begin, block);
  const uint64_t common_end = most(common_begin, least(seen[0].query.end, limit));
  mix(first, rows, 0, block, common_begin, common_end);
  for (uint32_t i = 0; i < rows; i++) {
    const uint64_t seen_begin = most(seen[i].query.begin, block);
    const uint64_t seen_end = least(seen[i].query.end, limit);
    mix(first + i, 1, i, block, seen_begin, least(seen_end, common_begin));
    mix(first + i, 1, i, block, most(seen_begin, common_end), seen_end);
  }
}

// Turns the scores of a query into weights.
void FloatBatch::weigh(uint32_t index, float *scores, uint64_t block, uint64_t limit) {
  Seen &seen = seen_[index];
  const uint64_t begin = most(seen.query.begin, block);
  const uint64_t end = least(seen.query.end, limit);
  if (begin >= end) return;
  const bool is_capped = args_.soft_cap > 0;
  if (is_capped) kernels_.soft_cap(scores + (begin - block), end - begin, args_.scale, args_.soft_cap);
  const float scale = is_capped ? 1.0f : args_.scale;
  const float found = kernels_.largest(scores + (begin - block), end - begin, scale);
  if (found > seen.largest) {
    const float correction = expf(seen.largest - found);
    seen.largest = found;
    seen.sum *= correction;
    float *mixed = mixed_of(index);
    for (size_t d = 0; d < mixed_stride_; d++) mixed[d] *= correction;
  }
  // While all scores are -infinity, so is the largest one, and any other shift gives them their weight of 0.
  const float shift = seen.largest == -INFINITY ? 0 : seen.largest;
  seen.sum += kernels_.exponentiate(scores + (begin - block), end - begin, scale, shift);
}

// Adds the values of the positions begin … end - 1 to `rows` queries, whose weights start in row `score_row`.
void FloatBatch::mix(uint32_t first, uint32_t rows, uint32_t score_row, uint64_t block, uint64_t begin, uint64_t end) {
  if (begin >= end) return;
  const float *weights = scores_ + size_t{score_row} * SCORE_STRIDE + (begin - block);
  const float *values = values_ + begin * kernels_.panel;
  for (size_t d = 0; d < mixed_stride_; d += kernels_.panel) {
    float *mixed = mixed_of(first) + d;
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

void FloatBatch::add(const FloatBatch &other) {
  for (uint32_t i = 0; i < count_; i++) {
    Seen &seen = seen_[i];
    const Seen &added = other.seen_[i];
    const float largest = most(seen.largest, added.largest);
    // Equal ones may be infinite.
    const float own_factor = seen.largest == largest ? 1 : expf(seen.largest - largest);
    const float added_factor = added.largest == largest ? 1 : expf(added.largest - largest);
    seen.largest = largest;
    seen.sum = seen.sum * own_factor + added.sum * added_factor;
    float *mixed = mixed_of(i);
    const float *added_mixed = other.mixed_of(i);
    for (size_t d = 0; d < mixed_stride_; d++) mixed[d] = mixed[d] * own_factor + added_mixed[d] * added_factor;
  }
}

void FloatBatch::finish() const {
  for (uint32_t i = 0; i < count_; i++) {
    const float *mixed = mixed_of(i);
    float *out = args_.out + seen_[i].query.offset;
    for (uint32_t d = 0; d < head_dim_; d++) out[d] = mixed[d] / seen_[i].sum;
  }
}

} // namespace cider
