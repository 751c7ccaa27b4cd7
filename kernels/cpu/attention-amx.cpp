// Attention with AMX (TILE, BF16) and AVX-512 (F, BW, VL, DQ).
//
// TDPBF16PS multiplies bf16 and sums in f32. Each operand x goes in as hi + lo, two bf16 that together hold 16 bits of
// its mantissa, and a product as hi·hi + hi·lo + lo·hi: three products of the matrix unit for one of f32, at sixteen
// times the speed. With u = 2^-8, the relative error of rounding to bf16:
//
//   queries, keys and values   |x - (hi + lo)| ≤ u²/2 |x|, |lo| ≤ u |x|: a product of two is off by 2 u² = 2^-15
//   weights, hi cut off        |w - (hi + lo)| ≤ u² w, |lo| ≤ 2 u w: their product with values by 7/2 u² < 2^-14
//
// at most, of which lo·lo is the greater part. The other terms are needed: without any of them a product would be off
// by u = 1/256. Numbers below 2^-126 count as 0.
//
// Scores are kept as powers of two: queries are scaled by log2(e) too. The largest score of a query that its weights
// are relative to may lag behind by SLACK, so that sums need correction only in the first blocks of keys.
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "attention-kernels.h"
#include "attention-operands-amx.h"
#include "tiles-amx.h"

namespace cider {
namespace {

constexpr uint32_t POSITIONS = 128; // of a block
constexpr size_t BLOCK_PANELS = POSITIONS / PANEL;
constexpr uint32_t TILES = 4; // of PANEL queries that go through the keys together, each block meeting all
constexpr uint32_t TERMS = 3;
constexpr float SLACK = 8; // weights up to 2^8

size_t keys_bytes(uint32_t head_dim) { return BLOCK_PANELS * panels_of(head_dim) * STEP_BYTES; }

size_t block_bytes(uint32_t head_dim) { return 2 * keys_bytes(head_dim); }

// Keys as BLOCK_PANELS panels of ⌈head_dim / PANEL⌉ steps, values as ⌈head_dim / PANEL⌉ panels of BLOCK_PANELS steps.
bool pack(const KeyValueBlock &block, void *packed) {
  const uint32_t head_panels = panels_of(block.head_dim);
  char *keys = static_cast<char *>(packed);
  char *values = keys + keys_bytes(block.head_dim);
  bool finite = true;
  for (uint32_t i = 0; i < panels_of(block.count); i++) {
    finite &= pack_panel(block.keys + size_t{i} * PANEL * block.head_dim, block.head_dim,
                         keys + size_t{i} * head_panels * STEP_BYTES);
  }
  for (uint32_t i = 0; i < head_panels; i++) {
    finite &= pack_panel(block.values + size_t{i} * PANEL * block.value_stride, block.count,
                         values + i * BLOCK_PANELS * STEP_BYTES);
  }
  return finite;
}

// ---- tile registers: sums in 0 … 3, rows of the left operand in 4 and 5, columns of the right one in 6 and 7 ----

[[gnu::always_inline]] inline void load_left(const char *left, size_t stride) {
  _tile_loadd(4, left, stride);
  _tile_loadd(5, left + LANES * stride, stride);
}

[[gnu::always_inline]] inline void load_right(const char *right) {
  _tile_loadd(6, right, 64);
  _tile_loadd(7, right + TILE, 64);
}

[[gnu::always_inline]] inline void multiply_loaded() {
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}

// Adds left [PANEL, steps · PANEL] · right [steps · PANEL, PANEL] to the sums. The unit works on its own: meanwhile()
// is called behind each of the TERMS · steps terms with what the vector units can do at the same time.
template <class Meanwhile>
[[gnu::always_inline]] inline void multiply(const char *left, size_t stride, const char *right, uint32_t steps,
                                            Meanwhile &&meanwhile) {
  for (uint32_t step = 0; step < steps; step++, left += ROW_STEP_BYTES, right += STEP_BYTES) {
    load_left(left + 64, stride);
    load_right(right);
    multiply_loaded();
    meanwhile();
    load_left(left, stride);
    multiply_loaded();
    meanwhile();
    load_right(right + 2 * TILE);
    multiply_loaded();
    meanwhile();
  }
}

[[gnu::always_inline]] inline void clear_sums() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

[[gnu::always_inline]] inline void load_sums(const float *sums, size_t stride) {
  _tile_loadd(0, sums, stride * sizeof(float));
  _tile_loadd(1, sums + LANES, stride * sizeof(float));
  _tile_loadd(2, sums + LANES * stride, stride * sizeof(float));
  _tile_loadd(3, sums + LANES * stride + LANES, stride * sizeof(float));
}

[[gnu::always_inline]] inline void store_sums(float *sums, size_t stride) {
  _tile_stored(0, sums, stride * sizeof(float));
  _tile_stored(1, sums + LANES, stride * sizeof(float));
  _tile_stored(2, sums + LANES * stride, stride * sizeof(float));
  _tile_stored(3, sums + LANES * stride + LANES, stride * sizeof(float));
}

// ---- softmax ----

// 2^x by a polynomial for its fraction, 2 u off from exact; minimax in the relative error (Remez).
[[gnu::always_inline]] inline __m512 power_of_two(__m512 x) {
  const __m512 r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  __m512 p = _mm512_set1_ps(0x1.ec320cp-10f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.26900cp-7f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.c95446p-5f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.ebd5a8p-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.62e4f6p-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.fffffep-1f));
  return _mm512_scalef_ps(p, x);
}

// The lanes of the positions `from` … `from + 15` that a query sees.
[[gnu::always_inline]] inline __mmask16 lanes_seen(const Query &query, uint64_t from) {
  const uint64_t begin = query.begin > from ? query.begin - from : 0;
  const uint64_t end = query.end > from ? query.end - from : 0;
  const uint32_t below_begin = begin < LANES ? (1u << begin) - 1 : 0xffff;
  const uint32_t below_end = end < LANES ? (1u << end) - 1 : 0xffff;
  return static_cast<__mmask16>(below_end & ~below_begin);
}

// PANEL queries; those of a last tile that do not exist are zeros that see what the last one sees.
struct Tile {
  const char *rows; // left operand [PANEL, steps]
  float *mixed;     // [PANEL, padded head_dim], sums of weighted values
  float *sums;      // [PANEL, LANES], of weights
  float *shifts;    // [PANEL], to which the weights are relative
  float *limits;    // [PANEL], largest score that is left at that
  Query queries[PANEL];

  bool all_see(uint64_t begin, uint64_t end) const {
    return queries[PANEL - 1].begin <= begin && end <= queries[0].end;
  }
};

// Positions of a block that some query of a tile sees, in whole panels.
struct Step {
  Tile *tile;
  uint64_t block;   // its first position
  const char *keys; // of the block
  const char *values;
  uint32_t first, last;     // panels first … last - 1
  bool whole;               // all positions, seen by all queries
  float *scores;            // [PANEL, POSITIONS], which become weights
  uint32_t changed;         // a bit for each query whose shift it moved
  float corrections[PANEL]; // of what they have summed before

  uint32_t panels() const { return last - first; }
};

// Work of the vector units, cut into units that are spread evenly over `slots` calls.
template <class Unit>
class Spread {
public:
  Spread(uint32_t units, uint32_t slots, Unit unit) : units_(units), slots_(slots), unit_(unit) {}

  [[gnu::always_inline]] void operator()() {
    for (due_ += units_; due_ >= slots_; due_ -= slots_) unit_(done_++);
  }
  void finish() {
    while (done_ < units_) unit_(done_++);
  }

private:
  const uint32_t units_, slots_;
  uint32_t done_ = 0, due_ = 0;
  const Unit unit_;
};

class Batch {
public:
  static size_t scratch_bytes(uint32_t head_dim) {
    const size_t width = size_t{panels_of(head_dim)} * PANEL;
    const size_t floats_of_query = 2 * width + LANES + 2;
    return TILES * (sizeof(Tile) + PANEL * floats_of_query * sizeof(float)) + 3 * PANEL * POSITIONS * sizeof(float);
  }

  explicit Batch(const QueryBatch &batch)
      : batch_(batch), head_panels_(panels_of(batch.head_dim)), width_(size_t{head_panels_} * PANEL),
        tiles_count_(panels_of(batch.count)) {
    float *memory = reinterpret_cast<float *>(batch.scratch);
    const auto take = [&](size_t count) {
      float *taken = memory;
      memory += count;
      return taken;
    };
    for (Step &step : steps_) step.scores = take(PANEL * POSITIONS);
    float *rows = take(TILES * PANEL * width_);
    float *mixed = take(TILES * PANEL * width_);
    float *sums = take(TILES * PANEL * LANES);
    float *shifts = take(TILES * PANEL);
    float *limits = take(TILES * PANEL);
    tiles_ = reinterpret_cast<Tile *>(memory);
    for (uint32_t i = 0; i < tiles_count_; i++) {
      Tile &tile = tiles_[i];
      tile.rows = reinterpret_cast<const char *>(rows + i * PANEL * width_);
      tile.mixed = mixed + i * PANEL * width_;
      tile.sums = sums + i * PANEL * LANES;
      tile.shifts = shifts + i * PANEL;
      tile.limits = limits + i * PANEL;
      start(tile, reinterpret_cast<char *>(rows + i * PANEL * width_), i * PANEL);
    }
  }

  // Three steps are under way at a time: the weighted values of one are summed and the scores of another computed by
  // the matrix unit, while the vector units turn the scores of the one between them into weights.
  void attend() {
    const TileRegisters registers;
    Step *previous = nullptr;
    Step *current = nullptr;
    Step *next = first_step(steps_[0]) ? &steps_[0] : nullptr;
    while (previous != nullptr || current != nullptr || next != nullptr) {
      if (current == nullptr || current->whole) {
        advance<true>(previous, current, next);
      } else {
        advance<false>(previous, current, next);
      }
      previous = current;
      current = next;
      if (next != nullptr) {
        Step &free = steps_[(next - steps_ + 1) % 3];
        next = step_after(*next, free) ? &free : nullptr;
      }
    }
    for (uint32_t i = 0; i < batch_.count; i++) finish(tiles_[i / PANEL], i % PANEL);
  }

private:
  size_t row_bytes() const { return head_panels_ * ROW_STEP_BYTES; }

  void start(Tile &tile, char *rows, uint32_t first) {
    const float scale = batch_.scale * 0x1.715476p+0f;
    for (uint32_t i = 0; i < PANEL; i++) {
      const bool exists = first + i < batch_.count;
      tile.queries[i] = batch_.queries[exists ? first + i : batch_.count - 1];
      char *row = rows + i * row_bytes();
      if (exists) {
        pack_query(batch_.q + tile.queries[i].offset, batch_.head_dim, scale, row);
      } else {
        memset(row, 0, row_bytes());
      }
      memset(tile.mixed + i * width_, 0, width_ * sizeof(float));
      _mm512_store_ps(tile.sums + i * LANES, _mm512_setzero_ps());
      tile.shifts[i] = 0;
      tile.limits[i] = -INFINITY;
    }
  }

  // ---- the order of steps: each block with all tiles that see of it ----

  bool first_step(Step &step) const {
    const uint64_t begin = tiles_[0].queries[0].begin / POSITIONS * POSITIONS;
    return find_step(begin, 0, step);
  }

  bool step_after(const Step &step, Step &next) const {
    const uint32_t tile = static_cast<uint32_t>(step.tile - tiles_) + 1;
    return find_step(step.block, tile, next);
  }

  bool find_step(uint64_t block, uint32_t tile, Step &step) const {
    const uint64_t end = tiles_[tiles_count_ - 1].queries[PANEL - 1].end;
    for (; block < end; block += POSITIONS, tile = 0) {
      for (; tile < tiles_count_; tile++) {
        const uint64_t tile_begin = tiles_[tile].queries[0].begin;
        const uint64_t tile_end = tiles_[tile].queries[PANEL - 1].end;
        if (tile_end <= block || tile_begin >= block + POSITIONS) continue;
        const char *packed = batch_.packed + (block / POSITIONS - batch_.first_block) * block_bytes(batch_.head_dim);
        const uint64_t last = (tile_end < block + POSITIONS ? tile_end : block + POSITIONS) - block;
        step.tile = &tiles_[tile];
        step.block = block;
        step.keys = packed;
        step.values = packed + keys_bytes(batch_.head_dim);
        step.first = tile_begin > block ? static_cast<uint32_t>((tile_begin - block) / PANEL) : 0;
        step.last = panels_of(static_cast<uint32_t>(last));
        step.whole = tiles_[tile].all_see(block, block + POSITIONS);
        step.changed = 0;
        return true;
      }
    }
    return false;
  }

  // ---- the phases of a step ----

  template <class Meanwhile>
  [[gnu::always_inline]] void multiply_scores(const Step &step, Meanwhile &&meanwhile) const {
    for (uint32_t panel = step.first; panel < step.last; panel++) {
      clear_sums();
      multiply(step.tile->rows, row_bytes(), step.keys + size_t{panel} * head_panels_ * STEP_BYTES, head_panels_,
               meanwhile);
      store_sums(step.scores + panel * PANEL, POSITIONS);
    }
  }

  template <bool Whole>
  [[gnu::noinline]] void advance(const Step *previous, Step *current, const Step *next) {
    const uint32_t score_slots = next == nullptr ? 0 : next->panels() * head_panels_ * TERMS;
    const uint32_t mix_slots = previous == nullptr ? 0 : previous->panels() * head_panels_ * TERMS;
    Spread weights(current == nullptr ? 0 : PANEL, score_slots + mix_slots,
                   [&](uint32_t i) { Whole ? weigh_whole(*current, i) : weigh_seen(*current, i); });
    if (next != nullptr) multiply_scores(*next, weights);
    if (previous != nullptr) mix(*previous, weights);
    weights.finish();
    if (current != nullptr) correct_mixed(*current);
  }

  // Scores of LANES positions, times log2(e).
  [[gnu::always_inline]] static __m512 load_scores(const float *scores) { return _mm512_load_ps(scores); }

  // Makes weights of the scores of a query, all of which it sees.
  [[gnu::always_inline]] void weigh_whole(Step &step, uint32_t i) const {
    constexpr uint32_t vectors = POSITIONS / LANES;
    float *scores = step.scores + i * POSITIONS;
    __m512 x[vectors];
    __m512 largest = _mm512_set1_ps(-INFINITY);
#pragma clang loop unroll(full)
    for (uint32_t v = 0; v < vectors; v++) {
      x[v] = load_scores(scores + v * LANES);
      largest = _mm512_max_ps(x[v], largest);
    }
    const __m512 shift = _mm512_set1_ps(shift_for(step, i, largest));
    __m512 sum = _mm512_setzero_ps();
#pragma clang loop unroll(full)
    for (uint32_t v = 0; v < vectors; v += 2) {
      sum = _mm512_add_ps(sum, store_weights(scores + v * LANES, power_of_two(_mm512_sub_ps(x[v], shift)),
                                             power_of_two(_mm512_sub_ps(x[v + 1], shift))));
    }
    add_to_sums(step, i, sum);
  }

  // The same with weights of 0 for what it does not see.
  void weigh_seen(Step &step, uint32_t i) const {
    const Query &query = step.tile->queries[i];
    float *scores = step.scores + i * POSITIONS;
    __m512 largest = _mm512_set1_ps(-INFINITY);
    for (uint32_t at = step.first * PANEL; at < step.last * PANEL; at += LANES) {
      largest = _mm512_mask_max_ps(largest, lanes_seen(query, step.block + at), load_scores(scores + at), largest);
    }
    const __m512 shift = _mm512_set1_ps(shift_for(step, i, largest));
    const auto weights = [&](uint32_t at) {
      const __m512 x = _mm512_sub_ps(load_scores(scores + at), shift);
      return _mm512_maskz_mov_ps(lanes_seen(query, step.block + at), power_of_two(x));
    };
    __m512 sum = _mm512_setzero_ps();
    for (uint32_t at = step.first * PANEL; at < step.last * PANEL; at += PANEL) {
      sum = _mm512_add_ps(sum, store_weights(scores + at, weights(at), weights(at + LANES)));
    }
    add_to_sums(step, i, sum);
  }

  // Stores two vectors of weights as a left operand, and returns their sum.
  [[gnu::always_inline]] static __m512 store_weights(float *to, __m512 a, __m512 b) {
    const Pairs pairs = split_weights(a, b);
    _mm512_store_si512(to, pairs.high);
    _mm512_store_si512(to + LANES, pairs.low);
    return _mm512_add_ps(a, b);
  }

  [[gnu::always_inline]] static void add_to_sums(Step &step, uint32_t i, __m512 sum) {
    float *sums = step.tile->sums + i * LANES;
    _mm512_store_ps(sums, _mm512_add_ps(_mm512_load_ps(sums), sum));
  }

  // What the scores of a query are relative to, given the largest that it meets next.
  [[gnu::always_inline]] static float shift_for(Step &step, uint32_t i, __m512 largest) {
    if (_mm512_cmp_ps_mask(largest, _mm512_set1_ps(step.tile->limits[i]), _CMP_GT_OQ) != 0) {
      move_shift(step, i, _mm512_reduce_max_ps(largest));
    }
    return step.tile->shifts[i];
  }

  [[gnu::noinline]] static void move_shift(Step &step, uint32_t i, float shift) {
    Tile &tile = *step.tile;
    const float correction = tile.limits[i] == -INFINITY ? 1 : exp2f(tile.shifts[i] - shift);
    tile.shifts[i] = shift;
    tile.limits[i] = shift + SLACK;
    step.changed |= 1u << i;
    step.corrections[i] = correction;
    float *sums = tile.sums + i * LANES;
    _mm512_store_ps(sums, _mm512_mul_ps(_mm512_load_ps(sums), _mm512_set1_ps(correction)));
  }

  // When the values of all steps before are summed.
  void correct_mixed(const Step &step) const {
    for (uint32_t changed = step.changed; changed != 0; changed &= changed - 1) {
      const uint32_t i = static_cast<uint32_t>(__builtin_ctz(changed));
      const __m512 correction = _mm512_set1_ps(step.corrections[i]);
      float *mixed = step.tile->mixed + i * width_;
      for (size_t j = 0; j < width_; j += LANES) {
        _mm512_store_ps(mixed + j, _mm512_mul_ps(_mm512_load_ps(mixed + j), correction));
      }
    }
  }

  // Adds the weighted values of a step.
  template <class Meanwhile>
  [[gnu::always_inline]] void mix(const Step &step, Meanwhile &&meanwhile) const {
    const char *left = reinterpret_cast<const char *>(step.scores + step.first * PANEL);
    for (uint32_t panel = 0; panel < head_panels_; panel++) {
      const char *values = step.values + (panel * BLOCK_PANELS + step.first) * STEP_BYTES;
      load_sums(step.tile->mixed + panel * PANEL, width_);
      multiply(left, POSITIONS * sizeof(float), values, step.panels(), meanwhile);
      store_sums(step.tile->mixed + panel * PANEL, width_);
    }
  }

  void finish(const Tile &tile, uint32_t i) const {
    const __m512 sum = _mm512_set1_ps(_mm512_reduce_add_ps(_mm512_load_ps(tile.sums + i * LANES)));
    float *out = batch_.out + tile.queries[i].offset;
    for (uint32_t j = 0; j < batch_.head_dim; j += LANES) {
      const uint32_t left = batch_.head_dim - j;
      const __mmask16 mask = static_cast<__mmask16>(left < LANES ? (1u << left) - 1 : 0xffff);
      _mm512_mask_storeu_ps(out + j, mask, _mm512_div_ps(_mm512_load_ps(tile.mixed + i * width_ + j), sum));
    }
  }

  const QueryBatch &batch_;
  const uint32_t head_panels_;
  const size_t width_; // head_dim in whole panels
  const uint32_t tiles_count_;
  Tile *tiles_;
  Step steps_[3];
};

void attend(const QueryBatch &batch) { Batch(batch).attend(); }

constexpr AttentionKernels kernels = {
    POSITIONS, TILES *PANEL, block_bytes, Batch::scratch_bytes, pack, attend,
};

} // namespace

const AttentionKernels *attention_kernels_amx() { return &kernels; }

} // namespace cider
