// accumulate against f64 arithmetic.
//
// Up to 512 products are summed in f32, each with at most two roundings for itself and one for each sum that it is part
// of, 514 together; further sums of f64 are exact beside those. Hence 520 u Σ |y x|.
#include "accumulate.h"

#include "float-test.h"

using namespace cider;
using namespace cider::test;

namespace {

constexpr double ROUNDINGS = 520;

void run(const Kernels &kernels, ThreadPool &pool, AccumulateArgs args) {
  Guarded<uint8_t> scratch(accumulate_scratch_bytes(*kernels.floats, args, pool.threads()), 3);
  args.scratch = scratch.data();
  accumulate(*kernels.floats, pool, args);
  CHECK(scratch.intact(), "%s: [%u, %u] of %u writes outside", kernels.isa, args.p, args.n, args.count);
}

void check_sums(const Kernels &kernels, ThreadPool &pool, uint32_t p, uint32_t n, uint32_t count, Random &random) {
  Guarded<float> y(size_t{count} * p, 4), x(size_t{count} * n, 4);
  fill(y, size_t{count} * p, -2, 2, random);
  fill(x, size_t{count} * n, -1, 3, random);
  const size_t stride = n + 3;
  Guarded<double> sum(p * stride, 8);
  for (size_t i = 0; i < p * stride; i++) sum[i] = static_cast<double>(i);
  run(kernels, pool, {sum.data(), stride, y.data(), x.data(), count, p, n, nullptr});
  for (uint32_t i = 0; i < p; i++) {
    for (uint32_t j = 0; j < stride; j++) {
      double expected = static_cast<double>(i * stride + j);
      double magnitude = 0;
      for (uint32_t t = 0; j < n && t < count; t++) {
        const double product = double{y[size_t{t} * p + i]} * double{x[size_t{t} * n + j]};
        expected += product;
        magnitude += fabs(product);
      }
      const double off = fabs(sum[i * stride + j] - expected);
      CHECK(off <= ROUNDINGS * UNIT * magnitude + 1e-9 * (j < n), "%s: [%u, %u] of [%u, %u] of %u: off by %g",
            kernels.isa, i, j, p, n, count, off);
    }
  }
  CHECK(sum.intact(), "%s: [%u, %u] of %u writes outside", kernels.isa, p, n, count);
}

// Of one matrix twice: the same bits as of a copy of it, whatever the sum was before and on any number of threads.
void check_symmetric(const Kernels &kernels, ThreadPool &pool, uint32_t n, uint32_t count, Random &random) {
  Guarded<float> x(size_t{count} * n, 4), copy(size_t{count} * n, 4);
  fill(x, size_t{count} * n, -1, 1, random);
  memcpy(copy.data(), x.data(), size_t{count} * n * sizeof(float));
  Guarded<double> sum(size_t{n} * n), expected(size_t{n} * n);
  for (size_t i = 0; i < size_t{n} * n; i++) sum[i] = expected[i] = static_cast<double>(i % 7);
  run(kernels, pool, {sum.data(), n, x.data(), x.data(), count, n, n, nullptr});
  ThreadPool *single = ThreadPool::create(1);
  run(kernels, *single, {expected.data(), n, copy.data(), x.data(), count, n, n, nullptr});
  ThreadPool::destroy(single);
  CHECK(memcmp(sum.data(), expected.data(), size_t{n} * n * sizeof(double)) == 0, "%s: [%u] of %u", kernels.isa, n,
        count);
  CHECK(sum.intact(), "%s: [%u] of %u writes outside", kernels.isa, n, count);
}

} // namespace

int main() {
  for_each_setting([](const Kernels &kernels, ThreadPool &pool) {
    Random random(4);
    for (const uint32_t p : {1, 2, 7, 33, 129}) {
      for (const uint32_t n : {1, 7, 33, 300}) check_sums(kernels, pool, p, n, p + n > 200 ? 7 : 33, random);
    }
    check_sums(kernels, pool, 33, 34, 1100, random);
    for (const uint32_t n : {1, 2, 7, 33, 127, 129, 576}) check_symmetric(kernels, pool, n, 33, random);
    check_symmetric(kernels, pool, 129, 513, random);
  });
  return report();
}
