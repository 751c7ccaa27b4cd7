#include "elementwise.h"

#include "float-kernels.h"
#include "thread-pool.h"

namespace cider {
namespace {

using Apply = void (*)(const float *a, const float *b, size_t count, float *out);

constexpr uint64_t ELEMENTS_PER_TASK = 1 << 14;

void apply(Apply kernel, ThreadPool &pool, const ElementwiseArgs &args) {
  const auto &[a, b, out, count] = args;
  const uint64_t tasks = count / ELEMENTS_PER_TASK + (count % ELEMENTS_PER_TASK != 0);
  parallel(pool, static_cast<uint32_t>(tasks), [&](uint32_t task, uint32_t) {
    const uint64_t begin = task * ELEMENTS_PER_TASK;
    const uint64_t left = count - begin;
    kernel(a + begin, b + begin, left < ELEMENTS_PER_TASK ? left : ELEMENTS_PER_TASK, out + begin);
  });
}

} // namespace

void silu_mul(const FloatKernels &kernels, ThreadPool &pool, const ElementwiseArgs &args) {
  apply(kernels.silu_mul, pool, args);
}

void add(const FloatKernels &kernels, ThreadPool &pool, const ElementwiseArgs &args) {
  apply(kernels.add, pool, args);
}

} // namespace cider
