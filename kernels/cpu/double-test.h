// What the tests of matrices in f64 share.
#pragma once

#include <math.h>

#include "double-kernels.h"
#include "test.h"
#include "thread-pool.h"

namespace cider::test {

// Calls body(kernels, pool) for each instruction set with kernels for f64 of its own and 1 to 3 threads.
template <typename Body>
void for_each_setting(Body &&body) {
  const KernelList list = runnable_kernels();
  for (uint32_t threads = 1; threads <= 3; threads++) {
    ThreadPool *pool = ThreadPool::create(threads);
    for (uint32_t i = 0; i < list.count; i++) {
      if (i == 0 || list.items[i].doubles != list.items[i - 1].doubles) body(list.items[i], *pool);
    }
    ThreadPool::destroy(pool);
  }
}

// A block [rows, columns] of a larger matrix, whose rows are filled up with numbers that must stay.
struct Block {
  Block(uint32_t rows, uint32_t columns, uint32_t gap = 0)
      : rows(rows), columns(columns), stride(columns + gap), values(rows * stride, 8) {
    for (size_t i = 0; i < rows * stride; i++) values[i] = UNTOUCHED;
  }

  double &at(size_t row, size_t column) { return values[row * stride + column]; }

  void fill(Random &random) {
    for (uint32_t i = 0; i < rows; i++) {
      for (uint32_t j = 0; j < columns; j++) at(i, j) = static_cast<double>(random.bits() >> 11) * 0x1p-52 - 1;
    }
  }

  void copy(Block &other) {
    for (uint32_t i = 0; i < rows; i++) {
      for (uint32_t j = 0; j < columns; j++) at(i, j) = other.at(i, j);
    }
  }

  // That all elements have the bits of the expected ones, and nothing else was written.
  void check(Block &expected, const char *isa, const char *what) {
    uint64_t different = 0;
    for (uint32_t i = 0; i < rows; i++) {
      different += memcmp(&at(i, 0), &expected.at(i, 0), columns * sizeof(double)) != 0;
      for (size_t j = columns; j < stride; j++) different += at(i, j) != UNTOUCHED;
    }
    CHECK(different == 0 && values.intact(), "%s: %s: [%u, %u]: %llu rows differ", isa, what, rows, columns,
          static_cast<unsigned long long>(different));
  }

  static constexpr double UNTOUCHED = 1e300;
  uint32_t rows, columns;
  size_t stride;
  Guarded<double> values;
};

} // namespace cider::test
