// The kernels for matrices in f64 in plain C++: what the vector ones are compared with, and what runs where none of
// them does.
#include "double-kernels.h"

namespace cider {
namespace {

constexpr uint32_t PANEL = 8;
constexpr uint32_t TILE_ROWS = 4;

template <uint32_t rows>
void multiply(const DoubleProduct &product) {
  const auto &[tile, panel, depth, c, c_stride] = product;
  for (uint32_t i = 0; i < rows; i++) {
    for (size_t k = 0; k < depth; k++) {
      for (uint32_t j = 0; j < PANEL; j++) c[i * c_stride + j] += tile[k * rows + i] * panel[k * PANEL + j];
    }
  }
}

constexpr MultiplyDoubles multiply_doubles[TILE_ROWS + 1] = {nullptr, multiply<1>, multiply<2>, multiply<3>,
                                                             multiply<4>};

void solve(const double *l, uint32_t size, double *x) {
  for (uint32_t first = 0; first < size; first += TILE_ROWS) {
    const uint32_t rows = size - first < TILE_ROWS ? size - first : TILE_ROWS;
    for (uint32_t i = 0; i < rows; i++) {
      double *row = x + size_t{first + i} * PANEL;
      for (size_t k = 0; k < first + i; k++) {
        for (uint32_t j = 0; j < PANEL; j++) row[j] += l[k * rows + i] * x[k * PANEL + j];
      }
      for (uint32_t j = 0; j < PANEL; j++) row[j] /= l[size_t{first + i} * rows + i];
    }
    l += size_t{first + rows} * rows;
  }
}

void butterflies(double *row, size_t columns, size_t apart) {
  for (double *u = row; u < row + columns; u += 2 * apart) {
    double *v = u + apart;
    for (size_t i = 0; i < apart; i++) {
      const double a = u[i];
      const double b = v[i];
      u[i] = a + b;
      v[i] = a - b;
    }
  }
}

void divide(double *x, size_t count, double divisor) {
  for (size_t i = 0; i < count; i++) x[i] /= divisor;
}

constexpr DoubleKernels double_kernels = {
    .panel = PANEL,
    .tile_rows = TILE_ROWS,
    .multiply = multiply_doubles,
    .solve = solve,
    .butterflies = butterflies,
    .divide = divide,
};

} // namespace

const DoubleKernels *double_kernels_generic() { return &double_kernels; }

} // namespace cider
