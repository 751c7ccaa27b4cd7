// Matrix products of the float kernels, written once for all vector widths; after float-simd.h.
#pragma once

#include <utility>

#include "float-kernels.h"

namespace cider {
namespace {

// Element (row, k) of the tile is tile[row · row_stride + k · depth_stride]. All sums stay in registers.
template <uint32_t rows, uint32_t row_stride, uint32_t depth_stride>
void multiply(const Product &product) {
  auto [tile, panel, depth, addend, addend_stride, out, out_stride, next, next_lines] = product;
  Floats sums[rows][PANEL_VECTORS];
#pragma clang loop unroll(full)
  for (uint32_t i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
    for (uint32_t j = 0; j < PANEL_VECTORS; j++) sums[i][j] = 0.0f;
#pragma clang loop unroll(full)
    for (uint32_t j = 0; j < PANEL; j += CACHE_LINE / sizeof(float)) __builtin_prefetch(out + i * out_stride + j, 1);
  }
  for (size_t from = 0; from < depth; from += FETCH_DEPTH) {
    for (size_t line = 0; line < next_lines; line++, next += CACHE_LINE) __builtin_prefetch(next, 0, 2);
    const size_t end = depth - from < FETCH_DEPTH ? depth : from + FETCH_DEPTH;
    for (size_t k = from; k < end; k++) {
      Floats weights[PANEL_VECTORS];
#pragma clang loop unroll(full)
      for (uint32_t j = 0; j < PANEL_VECTORS; j++) weights[j] = load<Floats>(panel + k * PANEL + j * LANES);
#pragma clang loop unroll(full)
      for (uint32_t i = 0; i < rows; i++) {
        const Floats x = tile[i * row_stride + k * depth_stride];
#pragma clang loop unroll(full)
        for (uint32_t j = 0; j < PANEL_VECTORS; j++) sums[i][j] = multiply_add(x, weights[j], sums[i][j]);
      }
    }
  }
#pragma clang loop unroll(full)
  for (uint32_t i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
    for (uint32_t j = 0; j < PANEL_VECTORS; j++) {
      const Floats sum = load<Floats>(addend + i * addend_stride + j * LANES) + sums[i][j];
      store(out + i * out_stride + j * LANES, sum);
    }
  }
}

struct MultiplyTable {
  Multiply by_rows[TILE_ROWS + 1];
};

template <uint32_t... last>
constexpr MultiplyTable packed_table(std::integer_sequence<uint32_t, last...>) {
  return {{nullptr, multiply<last + 1, 1, last + 1>...}};
}
template <uint32_t... last>
constexpr MultiplyTable scores_table(std::integer_sequence<uint32_t, last...>) {
  return {{nullptr, multiply<last + 1, SCORE_STRIDE, 1>...}};
}
constexpr MultiplyTable multiply_packed = packed_table(std::make_integer_sequence<uint32_t, TILE_ROWS>());
constexpr MultiplyTable multiply_scores = scores_table(std::make_integer_sequence<uint32_t, TILE_ROWS>());

// Elements of a panel as they are stored.
struct F32Element {
  float bits;
};
struct F16Element {
  uint16_t bits;
};
struct Bf16Element {
  uint16_t bits;
};
using Bytes = uint8_t __attribute__((ext_vector_type(LANES)));
using HalfWords = uint16_t __attribute__((ext_vector_type(LANES)));
using Halves = _Float16 __attribute__((ext_vector_type(LANES)));

inline Floats widen(const F32Element *source) { return load<Floats>(source); }
inline Floats widen(const F16Element *source) { return __builtin_convertvector(load<Halves>(source), Floats); }
inline Floats widen(const Bf16Element *source) {
  return bits_as<Floats>(__builtin_convertvector(load<HalfWords>(source), Words) << 16);
}
inline Words widen(const uint8_t *source) { return __builtin_convertvector(load<Bytes>(source), Words); }
// Codes fit in 8 bits, so that the cheaper conversion of signed integers is exact too.
inline Floats to_floats(Words codes) { return __builtin_convertvector(bits_as<Integers>(codes), Floats); }

template <class Element>
void widen_row(const void *elements, size_t count, float *out) {
  const Element *source = static_cast<const Element *>(elements);
  for_each_vector(count, [&](size_t i, uint32_t lanes) {
    Element part[LANES] = {};
    if (lanes < LANES) memcpy(part, source + i, lanes * sizeof(Element));
    store_part(out + i, widen(lanes < LANES ? part : source + i), lanes);
  });
}

template <class Element>
void widen_dense(const void *elements, const float *, uint32_t depth, float *out) {
  const Element *source = static_cast<const Element *>(elements);
  for (size_t i = 0; i < size_t{depth} * PANEL; i += LANES) store(out + i, widen(source + i));
}

// The even and the odd k of pairs of bf16.
inline Floats widen_even(Words pairs) { return bits_as<Floats>(pairs << 16); }
inline Floats widen_odd(Words pairs) { return bits_as<Floats>(pairs & 0xffff0000); }

void widen_bf16(const void *elements, const float *, uint32_t depth, float *out) {
  const uint32_t *source = static_cast<const uint32_t *>(elements);
  for (uint32_t k = 0; k < depth; k += 2, source += PANEL) {
    for (uint32_t j = 0; j < PANEL; j += LANES) {
      const Words pairs = load<Words>(source + j);
      float *target = out + size_t{k} * PANEL + j;
      store(target, widen_even(pairs));
      if (k + 1 < depth) store(target + PANEL, widen_odd(pairs));
    }
  }
}

void widen_affine8(const void *elements, const float *group, uint32_t depth, float *out) {
  const uint8_t *codes = static_cast<const uint8_t *>(elements);
  for (uint32_t j = 0; j < PANEL; j += LANES) {
    const Floats scale = load<Floats>(group + j);
    const Floats bias = load<Floats>(group + PANEL + j);
    for (size_t i = j; i < size_t{depth} * PANEL; i += PANEL) {
      store(out + i, multiply_add(to_floats(widen(codes + i)), scale, bias));
    }
  }
}

void widen_affine4(const void *elements, const float *group, uint32_t depth, float *out) {
  const uint8_t *codes = static_cast<const uint8_t *>(elements);
  for (uint32_t j = 0; j < PANEL; j += LANES) {
    const Floats scale = load<Floats>(group + j);
    const Floats bias = load<Floats>(group + PANEL + j);
    for (uint32_t k = 0; k < depth; k += 2) {
      const Words pair = widen(codes + size_t{k / 2} * PANEL + j);
      float *target = out + size_t{k} * PANEL + j;
      store(target, multiply_add(to_floats(pair & 15), scale, bias));
      if (k + 1 < depth) store(target + PANEL, multiply_add(to_floats(pair >> 4), scale, bias));
    }
  }
}

// Several sums for each output, so that no addition waits for the one before.
constexpr uint32_t CHAINS = PANEL_VECTORS >= 4 ? 2 : 4;

struct VectorSums {
  Floats sums[CHAINS][PANEL_VECTORS] = {};

  Floats total(uint32_t j) const {
    Floats sum = sums[0][j];
    for (uint32_t chain = 1; chain < CHAINS; chain++) sum += sums[chain][j];
    return sum;
  }
};

// A panel is read once and in order; memory answers in time if it is asked for a little ahead. What is asked for need
// not exist.
template <size_t bytes>
inline void prefetch_ahead(const void *position) {
  constexpr size_t distance = 3072;
  const char *ahead = static_cast<const char *>(position) + distance;
  for (size_t i = 0; i < bytes; i += CACHE_LINE) __builtin_prefetch(ahead + i);
}

template <class Element>
void multiply_vector_dense(const void *panel, const float *x, const float *, uint32_t k, uint32_t, float *out) {
  const Element *source = static_cast<const Element *>(panel);
  VectorSums acc;
  const auto step = [&](uint32_t chain, uint32_t at) {
    const Floats activation = x[at];
#pragma clang loop unroll(full)
    for (uint32_t j = 0; j < PANEL_VECTORS; j++) {
      const Floats weights = widen(source + size_t{at} * PANEL + j * LANES);
      acc.sums[chain][j] = multiply_add(activation, weights, acc.sums[chain][j]);
    }
  };
  uint32_t at = 0;
  for (; at + CHAINS <= k; at += CHAINS) {
    prefetch_ahead<CHAINS * PANEL * sizeof(Element)>(source + size_t{at} * PANEL);
#pragma clang loop unroll(full)
    for (uint32_t chain = 0; chain < CHAINS; chain++) step(chain, at + chain);
  }
  for (; at < k; at++) step(0, at);
  for (uint32_t j = 0; j < PANEL_VECTORS; j++) store(out + j * LANES, acc.total(j));
}

void multiply_vector_bf16(const void *panel, const float *x, const float *, uint32_t k, uint32_t, float *out) {
  const uint32_t *source = static_cast<const uint32_t *>(panel);
  VectorSums acc;
  const auto step = [&](uint32_t chain, uint32_t at, float even, float odd) {
#pragma clang loop unroll(full)
    for (uint32_t j = 0; j < PANEL_VECTORS; j++) {
      const Words pairs = load<Words>(source + size_t{at / 2} * PANEL + j * LANES);
      acc.sums[chain][j] = multiply_add(Floats(even), widen_even(pairs), acc.sums[chain][j]);
      acc.sums[chain + 1][j] = multiply_add(Floats(odd), widen_odd(pairs), acc.sums[chain + 1][j]);
    }
  };
  uint32_t at = 0;
  for (; at + CHAINS <= k; at += CHAINS) {
    prefetch_ahead<CHAINS * PANEL * sizeof(uint16_t)>(source + size_t{at / 2} * PANEL);
#pragma clang loop unroll(full)
    for (uint32_t chain = 0; chain < CHAINS; chain += 2) step(chain, at + chain, x[at + chain], x[at + chain + 1]);
  }
  for (; at < k; at += 2) step(0, at, x[at], at + 1 < k ? x[at + 1] : 0.0f);
  for (uint32_t j = 0; j < PANEL_VECTORS; j++) store(out + j * LANES, acc.total(j));
}

// Bytes of the codes of `depth` consecutive k.
template <uint32_t bits>
constexpr size_t code_bytes(uint32_t depth) {
  return (bits == 8 ? size_t{depth} : (size_t{depth} + 1) / 2) * PANEL;
}

// acc += codes · x over `depth` k.
template <uint32_t bits>
inline void add_codes(VectorSums &acc, const uint8_t *codes, const float *x, uint32_t depth) {
  constexpr uint32_t rows_a_byte = 8 / bits;
  constexpr uint32_t depth_a_step = CHAINS;
  const auto step = [&](uint32_t chain, uint32_t at, uint32_t count) {
#pragma clang loop unroll(full)
    for (uint32_t j = 0; j < PANEL_VECTORS; j++) {
      const Words bytes = widen(codes + size_t{at / rows_a_byte} * PANEL + j * LANES);
      const Words first = bits == 8 ? bytes : bytes & 15;
      acc.sums[chain][j] = multiply_add(Floats(x[at]), to_floats(first), acc.sums[chain][j]);
      if (count == 1) continue;
      acc.sums[chain + 1][j] = multiply_add(Floats(x[at + 1]), to_floats(bytes >> 4), acc.sums[chain + 1][j]);
    }
  };
  uint32_t at = 0;
  for (; at + depth_a_step <= depth; at += depth_a_step) {
    prefetch_ahead<depth_a_step / rows_a_byte * PANEL>(codes + size_t{at / rows_a_byte} * PANEL);
#pragma clang loop unroll(full)
    for (uint32_t chain = 0; chain < CHAINS; chain += rows_a_byte) step(chain, at + chain, rows_a_byte);
  }
  for (; at < depth; at += rows_a_byte) step(0, at, depth - at < rows_a_byte ? 1 : rows_a_byte);
}

template <uint32_t bits>
void multiply_vector_affine(const void *panel, const float *x, const float *x_sums, uint32_t k, uint32_t group_size,
                            float *out) {
  const uint8_t *data = static_cast<const uint8_t *>(panel);
  Floats totals[PANEL_VECTORS] = {};
  for (size_t from = 0; from < k; from += group_size, x_sums++) {
    const uint32_t depth = k - from < group_size ? static_cast<uint32_t>(k - from) : group_size;
    const uint8_t *codes = data + 2 * PANEL * sizeof(float);
    VectorSums acc;
    add_codes<bits>(acc, codes, x + from, depth);
#pragma clang loop unroll(full)
    for (uint32_t j = 0; j < PANEL_VECTORS; j++) {
      const Floats scale = load<Floats>(data + j * sizeof(Floats));
      const Floats bias = load<Floats>(data + PANEL * sizeof(float) + j * sizeof(Floats));
      totals[j] = multiply_add(scale, acc.total(j), totals[j]);
      totals[j] = multiply_add(bias, Floats(*x_sums), totals[j]);
    }
    data = codes + code_bytes<bits>(depth);
  }
  for (uint32_t j = 0; j < PANEL_VECTORS; j++) store(out + j * LANES, totals[j]);
}

} // namespace
} // namespace cider
