// The kernels for matrices in f64 by the vector extension of the compiler. The file that includes this one says before
// how wide its vectors are:
//
//   LANES          f64 in a register
//   PANEL_VECTORS  registers across a panel
//   TILE_ROWS      rows of the largest tile
//
// Everything is local to the including file, since each is compiled for its own instruction set.
#pragma once

#include <string.h>

#include <utility>

#include "double-kernels.h"

namespace cider {
namespace {

constexpr uint32_t PANEL = PANEL_VECTORS * LANES;

using Doubles = double __attribute__((ext_vector_type(LANES)));

inline Doubles load(const double *source) {
  Doubles vector;
  memcpy(&vector, source, sizeof vector);
  return vector;
}

inline void store(double *target, Doubles vector) { memcpy(target, &vector, sizeof vector); }

// All of c stays in registers.
template <uint32_t rows>
void multiply(const DoubleProduct &product) {
  const auto [tile, panel, depth, c, c_stride] = product;
  Doubles sums[rows][PANEL_VECTORS];
#pragma clang loop unroll(full)
  for (uint32_t i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
    for (uint32_t j = 0; j < PANEL_VECTORS; j++) sums[i][j] = load(c + i * c_stride + j * LANES);
  }
  for (size_t k = 0; k < depth; k++) {
    Doubles values[PANEL_VECTORS];
#pragma clang loop unroll(full)
    for (uint32_t j = 0; j < PANEL_VECTORS; j++) values[j] = load(panel + k * PANEL + j * LANES);
#pragma clang loop unroll(full)
    for (uint32_t i = 0; i < rows; i++) {
      const Doubles factor = tile[k * rows + i];
#pragma clang loop unroll(full)
      for (uint32_t j = 0; j < PANEL_VECTORS; j++) sums[i][j] += factor * values[j];
    }
  }
#pragma clang loop unroll(full)
  for (uint32_t i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
    for (uint32_t j = 0; j < PANEL_VECTORS; j++) store(c + i * c_stride + j * LANES, sums[i][j]);
  }
}

struct MultiplyDoublesTable {
  MultiplyDoubles by_rows[TILE_ROWS + 1];
};

template <uint32_t... last>
constexpr MultiplyDoublesTable multiply_table(std::integer_sequence<uint32_t, last...>) {
  return {{nullptr, multiply<last + 1>...}};
}
constexpr MultiplyDoublesTable multiply_doubles = multiply_table(std::make_integer_sequence<uint32_t, TILE_ROWS>());

void solve(const double *l, uint32_t size, double *x) {
  for (uint32_t first = 0; first < size; first += TILE_ROWS) {
    const uint32_t rows = size - first < TILE_ROWS ? size - first : TILE_ROWS;
    double *tile = x + size_t{first} * PANEL;
    multiply_doubles.by_rows[rows]({l, x, first, tile, PANEL});
    l += size_t{first} * rows; // [rows, rows] of the diagonal
    for (uint32_t i = 0; i < rows; i++) {
      Doubles sums[PANEL_VECTORS];
      for (uint32_t j = 0; j < PANEL_VECTORS; j++) sums[j] = load(tile + i * PANEL + j * LANES);
      for (uint32_t k = 0; k < i; k++) {
        const Doubles factor = l[k * rows + i];
        for (uint32_t j = 0; j < PANEL_VECTORS; j++) sums[j] += factor * load(tile + k * PANEL + j * LANES);
      }
      const Doubles pivot = l[i * rows + i];
      for (uint32_t j = 0; j < PANEL_VECTORS; j++) store(tile + i * PANEL + j * LANES, sums[j] / pivot);
    }
    l += size_t{rows} * rows;
  }
}

template <uint32_t apart, uint32_t... lane>
inline Doubles swap(Doubles x, std::integer_sequence<uint32_t, lane...>) {
  return __builtin_shufflevector(x, x, (lane ^ apart)...);
}

template <uint32_t... lane>
constexpr Doubles signs(uint32_t apart, std::integer_sequence<uint32_t, lane...>) {
  return Doubles{((lane & apart) != 0 ? -1.0 : 1.0)...};
}

// Pairs within a vector: v + u is u + v, u + (-1) · v is u - v.
template <uint32_t apart>
void butterflies_within(double *row, size_t columns) {
  constexpr std::make_integer_sequence<uint32_t, LANES> lanes;
  constexpr Doubles factors = signs(apart, lanes);
  for (size_t i = 0; i < columns; i += LANES) {
    const Doubles x = load(row + i);
    store(row + i, swap<apart>(x, lanes) + x * factors);
  }
}

void butterflies(double *row, size_t columns, size_t apart) {
  if (columns % LANES == 0) {
    if (apart == 1) return butterflies_within<1>(row, columns);
    if constexpr (LANES > 2) {
      if (apart == 2) return butterflies_within<2>(row, columns);
    }
    if constexpr (LANES > 4) {
      if (apart == 4) return butterflies_within<4>(row, columns);
    }
  }
  for (double *u = row; u < row + columns; u += 2 * apart) {
    double *v = u + apart;
    size_t i = 0;
    for (; i + LANES <= apart; i += LANES) {
      const Doubles a = load(u + i);
      const Doubles b = load(v + i);
      store(u + i, a + b);
      store(v + i, a - b);
    }
    for (; i < apart; i++) {
      const double a = u[i];
      const double b = v[i];
      u[i] = a + b;
      v[i] = a - b;
    }
  }
}

void divide(double *x, size_t count, double divisor) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) store(x + i, load(x + i) / Doubles(divisor));
  for (; i < count; i++) x[i] /= divisor;
}

constexpr DoubleKernels double_kernels = {
    .panel = PANEL,
    .tile_rows = TILE_ROWS,
    .multiply = multiply_doubles.by_rows,
    .solve = solve,
    .butterflies = butterflies,
    .divide = divide,
};

} // namespace
} // namespace cider
