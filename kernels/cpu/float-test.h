// What the tests of float operations share.
#pragma once

#include <math.h>

#include "float-kernels.h"
#include "test.h"
#include "thread-pool.h"

namespace cider::test {

// Half the distance from 1 to the next f32: the largest relative error of a rounding.
constexpr double UNIT = 0x1p-24;
// The distance of the smallest f32.
constexpr double SMALLEST = 0x1p-149;

// Calls body(kernels, pool) for each instruction set with float kernels of its own and 1 to 3 threads.
template <typename Body>
void for_each_setting(Body &&body) {
  const KernelList list = runnable_kernels();
  for (uint32_t threads = 1; threads <= 3; threads++) {
    ThreadPool *pool = ThreadPool::create(threads);
    for (uint32_t i = 0; i < list.count; i++) {
      if (i == 0 || list.items[i].floats != list.items[i - 1].floats) body(list.items[i], *pool);
    }
    ThreadPool::destroy(pool);
  }
}

static inline void fill(Guarded<float> &values, size_t count, float low, float high, Random &random) {
  for (size_t i = 0; i < count; i++) values[i] = random.uniform(low, high);
}

} // namespace cider::test
