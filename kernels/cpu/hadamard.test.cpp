// hadamard against plain loops, bit for bit, and against what it means.
#include "hadamard.h"

#include "double-test.h"

using namespace cider;
using namespace cider::test;

namespace {

// docs/numerics.md section 7.
void rotate_plainly(Block &x, uint32_t order, const int8_t *base) {
  Block piece(1, order);
  for (uint32_t i = 0; i < x.rows; i++) {
    for (uint32_t from = 0; from < x.columns; from += order) {
      for (uint32_t j = 0; j < order; j++) {
        piece.at(0, j) = 0;
        for (uint32_t k = 0; k < order; k++) piece.at(0, j) += x.at(i, from + k) * base[size_t{k} * order + j];
      }
      for (uint32_t j = 0; j < order; j++) x.at(i, from + j) = piece.at(0, j);
    }
    for (uint32_t apart = order; apart < x.columns; apart *= 2) {
      for (uint32_t j = 0; j < x.columns; j++) {
        if (j / apart % 2 != 0) continue;
        const double u = x.at(i, j);
        const double v = x.at(i, j + apart);
        x.at(i, j) = u + v;
        x.at(i, j + apart) = u - v;
      }
    }
    for (uint32_t j = 0; j < x.columns; j++) x.at(i, j) /= sqrt(static_cast<double>(x.columns));
  }
}

void check_bits(uint32_t rows, uint32_t order, uint32_t power, Random &random) {
  // Whatever the signs are: nothing here depends on their being a Hadamard matrix.
  Guarded<int8_t> base(size_t{order} * order);
  for (size_t i = 0; i < size_t{order} * order; i++) base[i] = random.below(2) == 0 ? 1 : -1;
  Block start(rows, order * power), expected(rows, order * power);
  start.fill(random);
  start.at(0, 0) = -0.0;
  expected.copy(start);
  rotate_plainly(expected, order, base.data());
  for_each_setting([&](const Kernels &kernels, ThreadPool &pool) {
    Block x(rows, order * power, 3);
    x.copy(start);
    Guarded<uint8_t> scratch(hadamard_scratch_bytes(*kernels.doubles, order, pool.threads()), 3);
    hadamard(*kernels.doubles, pool, {x.values.data(), x.stride, rows, x.columns, order, base.data(), scratch.data()});
    x.check(expected, kernels.isa, "rotated");
    CHECK(scratch.intact(), "%s: scratch", kernels.isa);
  });
}

// The rows of the identity become those of H ⊗ base: orthogonal, and all of one magnitude.
void check_meaning(ThreadPool &pool) {
  // Of Paley's first construction, for 3.
  constexpr int8_t base[] = {1, 1, 1, 1, -1, 1, 1, -1, -1, -1, 1, 1, -1, 1, -1, 1};
  constexpr uint32_t n = 32;
  Block x(n, n);
  for (uint32_t i = 0; i < n; i++) {
    for (uint32_t j = 0; j < n; j++) x.at(i, j) = i == j;
  }
  const DoubleKernels &kernels = *select_kernels(nullptr)->doubles;
  Guarded<uint8_t> scratch(hadamard_scratch_bytes(kernels, 4, pool.threads()));
  hadamard(kernels, pool, {x.values.data(), n, n, n, 4, base, scratch.data()});
  for (uint32_t i = 0; i < n; i++) {
    for (uint32_t j = 0; j < n; j++) {
      const uint32_t odd = static_cast<uint32_t>(__builtin_popcount((i / 4) & (j / 4))) % 2;
      const double sign = (odd != 0 ? -1 : 1) * base[i % 4 * 4 + j % 4];
      CHECK(x.at(i, j) == sign / sqrt(32.0), "[%u, %u]: %g", i, j, x.at(i, j));
      double product = i == j ? -1 : 0;
      for (uint32_t k = 0; k < n; k++) product += x.at(i, k) * x.at(j, k);
      CHECK(fabs(product) < 1e-15 * n, "rows %u and %u: %g", i, j, product);
    }
  }
}

} // namespace

int main() {
  Random random(3);
  for (const uint32_t order : {1, 2, 7, 12, 20, 36}) {
    for (const uint32_t power : {1, 2, 8, 64}) check_bits(7, order, power, random);
  }
  check_bits(1, 1, 1, random);
  check_bits(33, 1, 4096, random);
  check_bits(33, 36, 16, random);
  check_bits(2, 576, 2, random);
  ThreadPool *pool = ThreadPool::create(2);
  check_meaning(*pool);
  ThreadPool::destroy(pool);
  return report();
}
