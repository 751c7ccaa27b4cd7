#include "elementwise.h"

#include "float-kernels.h"
#include "thread-pool.h"

namespace cider {
namespace {

using Apply = void (*)(const float *a, const float *b, size_t count, float *out);

constexpr uint64_t ELEMENTS_PER_TASK = 1 << 14;

// Calls body(begin, count) for parts of `count` elements.
template <typename Body>
void for_each_part(ThreadPool &pool, uint64_t count, Body &&body) {
  const uint64_t tasks = count / ELEMENTS_PER_TASK + (count % ELEMENTS_PER_TASK != 0);
  parallel(pool, static_cast<uint32_t>(tasks), [&](uint32_t task, uint32_t) {
    const uint64_t begin = task * ELEMENTS_PER_TASK;
    const uint64_t left = count - begin;
    body(begin, left < ELEMENTS_PER_TASK ? left : ELEMENTS_PER_TASK);
  });
}

void apply(Apply kernel, ThreadPool &pool, const ElementwiseArgs &args) {
  for_each_part(pool, args.count, [&](uint64_t begin, uint64_t count) {
    kernel(args.a + begin, args.b + begin, count, args.out + begin);
  });
}

} // namespace

void silu_mul(const FloatKernels &kernels, ThreadPool &pool, const ElementwiseArgs &args) {
  apply(kernels.silu_mul, pool, args);
}

void gelu_tanh_mul(const FloatKernels &kernels, ThreadPool &pool, const ElementwiseArgs &args) {
  apply(kernels.gelu_tanh_mul, pool, args);
}

void add(const FloatKernels &kernels, ThreadPool &pool, const ElementwiseArgs &args) { apply(kernels.add, pool, args); }

void soft_cap(const FloatKernels &kernels, ThreadPool &pool, float *x, uint64_t count, float cap) {
  for_each_part(pool, count, [&](uint64_t begin, uint64_t part) { kernels.soft_cap(x + begin, part, 1.0f, cap); });
}

} // namespace cider
