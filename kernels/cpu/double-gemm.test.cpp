// multiply_add against plain loops, bit for bit.
#include "double-gemm.h"

#include "double-test.h"

using namespace cider;
using namespace cider::test;

namespace {

void multiply_plainly(Block &c, double factor, Block &a, Block &b, bool transpose_b) {
  for (uint32_t i = 0; i < c.rows; i++) {
    for (uint32_t j = 0; j < c.columns; j++) {
      double sum = c.at(i, j);
      for (uint32_t k = 0; k < a.columns; k++) {
        const double scaled = factor * a.at(i, k);
        const double product = scaled * (transpose_b ? b.at(j, k) : b.at(k, j));
        sum = sum + product;
      }
      c.at(i, j) = sum;
    }
  }
}

struct Case {
  Case(uint32_t m, uint32_t n, uint32_t k, bool transpose_b, Random &random)
      : transpose_b(transpose_b), a(m, k, 3), b(transpose_b ? n : k, transpose_b ? k : n, 1), start(m, n),
        expected(m, n) {
    for (Block *block : {&a, &b, &start}) block->fill(random);
    expected.copy(start);
    multiply_plainly(expected, factor, a, b, transpose_b);
  }

  void run(const Kernels &kernels, ThreadPool &pool) {
    Block c(start.rows, start.columns, 2);
    c.copy(start);
    Guarded<uint8_t> scratch(multiply_add_scratch_bytes(*kernels.doubles, c.columns, a.columns, pool.threads()), 3);
    multiply_add(*kernels.doubles, pool,
                 {c.values.data(), a.values.data(), b.values.data(), c.stride, a.stride, b.stride, c.rows, c.columns,
                  a.columns, transpose_b, factor, scratch.data()});
    c.check(expected, kernels.isa, "c");
    CHECK(scratch.intact(), "%s: scratch", kernels.isa);
  }

  static constexpr double factor = -0.7;
  bool transpose_b;
  Block a, b, start, expected;
};

} // namespace

int main() {
  Random random(1);
  for (const uint32_t m : {1, 2, 7, 33, 129}) {
    for (const uint32_t n : {1, 2, 7, 33, 127}) {
      for (const uint32_t k : {1, 7, 129}) {
        Case small(m, n, k, (m + n + k) % 2 == 0, random);
        for_each_setting([&](const Kernels &kernels, ThreadPool &pool) { small.run(kernels, pool); });
      }
    }
  }
  // Over several blocks of each size.
  for (const bool transpose_b : {false, true}) {
    Case deep(127, 33, 576, transpose_b, random);
    Case wide(7, 2200, 33, transpose_b, random);
    Case high(576, 129, 129, transpose_b, random);
    for_each_setting([&](const Kernels &kernels, ThreadPool &pool) {
      deep.run(kernels, pool);
      wide.run(kernels, pool);
      high.run(kernels, pool);
    });
  }
  return report();
}
