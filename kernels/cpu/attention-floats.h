// Attention in f32 for queries that share a head of keys.
#pragma once

#include "attention-kernels.h"
#include "attention.h"

namespace cider {

// Online softmax (Milakov and Gimelshein 2018; Dao et al. 2022): the keys are gone through in blocks; each query keeps
// the largest score so far, the sum of the weights exp(score - largest) and the values weighted with them, and corrects
// both when a larger score turns up. The queries make the rows of a few tiles that go through the keys together, so
// that a block of keys and values is still in a cache for the next one.
//
// All of its state is in the scratch memory: a batch can be continued by another object made with the same arguments.
class FloatBatch {
public:
  static uint32_t max_queries(const FloatKernels &kernels);
  static size_t scratch_bytes(const FloatKernels &kernels, uint32_t head_dim);

  // The queries first … first + count - 1 of kv_head, at most max_queries; `scratch` is 64-byte aligned.
  FloatBatch(const FloatKernels &kernels, const AttentionArgs &args, uint32_t kv_head, uint64_t first, uint32_t count,
             char *scratch);

  // Forgets what was seen.
  void start();
  // Takes the positions begin … end - 1 into account, as far as each query sees them. `begin` is a multiple of
  // SCORE_STRIDE.
  void attend(uint64_t begin, uint64_t end);
  // Adds what another batch has seen of other positions.
  void add(const FloatBatch &other);
  // Writes the outputs.
  void finish() const;

private:
  // What a query has seen so far.
  struct Seen {
    Query query;
    float largest;
    float sum;
  };

  uint32_t first_of(uint32_t tile) const { return count_ * tile / tiles_; }
  float *mixed_of(uint32_t index) const { return mixed_ + index * mixed_stride_; }
  void pack(uint32_t tile);
  void attend_block(uint32_t tile, uint64_t block, uint64_t limit);
  void weigh(uint32_t index, float *scores, uint64_t block, uint64_t limit);
  void mix(uint32_t first, uint32_t rows, uint32_t score_row, uint64_t block, uint64_t begin, uint64_t end);

  const FloatKernels &kernels_;
  const AttentionArgs &args_;
  const KvCache &cache_;
  const uint32_t kv_head_;
  const uint64_t first_;
  const uint32_t head_dim_, count_, tiles_;
  const float *keys_, *values_; // of the head
  Seen *seen_;                  // [count]
  float *packed_;               // queries, tile after tile
  float *mixed_;                // [count, mixed_stride], sums of weighted values
  size_t mixed_stride_;
  float *scores_; // [rows of a tile, SCORE_STRIDE], first scores, then weights
};

} // namespace cider
