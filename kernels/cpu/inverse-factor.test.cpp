// inverse_factor against plain loops, bit for bit, and against what it means.
#include "inverse-factor.h"

#include "double-test.h"

using namespace cider;
using namespace cider::test;

namespace {

// docs/numerics.md section 7.
int64_t invert_plainly(Block &h) {
  const uint32_t n = h.rows;
  Block r(n, n);
  for (uint32_t j = n; j-- > 0;) {
    for (uint32_t i = j + 1; i-- > 0;) {
      double sum = h.at(j, i);
      for (uint32_t k = n - 1; k > j; k--) {
        const double product = r.at(i, k) * r.at(j, k);
        sum = sum - product;
      }
      if (i == j && !(sum > 0 && sum < HUGE_VAL)) return j;
      r.at(i, j) = i == j ? sqrt(sum) : sum / r.at(j, j);
    }
  }
  for (uint32_t i = 0; i < n; i++) {
    for (uint32_t j = 0; j < i; j++) h.at(i, j) = 0;
    h.at(i, i) = 1 / r.at(i, i);
    for (uint32_t j = i + 1; j < n; j++) {
      double sum = 0;
      for (uint32_t k = i; k < j; k++) {
        const double product = h.at(i, k) * r.at(k, j);
        sum = sum - product;
      }
      h.at(i, j) = sum / r.at(j, j);
    }
  }
  return -1;
}

// A positive definite matrix, with nothing sensible above the diagonal: that is not read.
void fill_definite(Block &h, Random &random) {
  Block x(h.rows, h.rows + 3);
  x.fill(random);
  for (uint32_t i = 0; i < h.rows; i++) {
    for (uint32_t j = 0; j < h.rows; j++) {
      double sum = i == j ? 0.1 : 0;
      for (uint32_t k = 0; k < x.columns; k++) sum += x.at(i, k) * x.at(j, k);
      h.at(i, j) = j > i ? NAN : sum;
    }
  }
}

int64_t run(const Kernels &kernels, ThreadPool &pool, Block &h) {
  Guarded<uint8_t> scratch(inverse_factor_scratch_bytes(*kernels.doubles, h.rows, pool.threads()), 3);
  const int64_t pivot = inverse_factor(*kernels.doubles, pool, {h.values.data(), h.stride, h.rows, scratch.data()});
  CHECK(scratch.intact(), "%s: scratch", kernels.isa);
  return pivot;
}

void check_bits(uint32_t n, Random &random) {
  Block start(n, n), expected(n, n);
  fill_definite(start, random);
  expected.copy(start);
  CHECK(invert_plainly(expected) == -1, "%u", n);
  for_each_setting([&](const Kernels &kernels, ThreadPool &pool) {
    Block h(n, n, 5);
    h.copy(start);
    CHECK(run(kernels, pool, h) == -1, "%s: [%u]", kernels.isa, n);
    h.check(expected, kernels.isa, "inverse factor");
  });
}

// h · Uᵀ · U is the identity. The condition of these matrices is below 10^6 and f64 rounds to 10^-16.
void check_meaning(uint32_t n, Random &random) {
  Block start(n, n), u(n, n), inverse(n, n);
  fill_definite(start, random);
  u.copy(start);
  CHECK(invert_plainly(u) == -1, "%u", n);
  for (uint32_t i = 0; i < n; i++) {
    for (uint32_t j = 0; j < n; j++) {
      inverse.at(i, j) = 0;
      for (uint32_t k = 0; k <= i && k <= j; k++) inverse.at(i, j) += u.at(k, i) * u.at(k, j);
    }
  }
  for (uint32_t i = 0; i < n; i++) {
    for (uint32_t j = 0; j < n; j++) {
      double sum = i == j ? -1 : 0;
      for (uint32_t k = 0; k < n; k++) sum += start.at(k < i ? i : k, k < i ? k : i) * inverse.at(k, j);
      CHECK(fabs(sum) < 1e-9, "[%u, %u]: off by %g", i, j, sum);
    }
  }
}

// The pivot that is found is the first one from the end, in whatever block it is.
void check_pivot(uint32_t n, uint32_t at, double value, Random &random) {
  Block start(n, n);
  fill_definite(start, random);
  start.at(at, at) = value;
  Block plain(n, n);
  plain.copy(start);
  CHECK(invert_plainly(plain) == at, "%u", at);
  for_each_setting([&](const Kernels &kernels, ThreadPool &pool) {
    Block h(n, n);
    h.copy(start);
    const int64_t pivot = run(kernels, pool, h);
    CHECK(pivot == at, "%s: [%u]: pivot %lld, not %u", kernels.isa, n, static_cast<long long>(pivot), at);
  });
}

} // namespace

int main() {
  Random random(2);
  for (const uint32_t n : {1, 2, 7, 15, 16, 17, 33, 127, 128, 129, 257, 576}) check_bits(n, random);
  for (const uint32_t n : {1, 7, 129}) check_meaning(n, random);
  for (const uint32_t at : {0, 5, 16, 127, 128, 199}) check_pivot(200, at, -1, random);
  for (const double value : {0.0, double{-INFINITY}, double{INFINITY}, double{NAN}}) check_pivot(33, 20, value, random);
  return report();
}
