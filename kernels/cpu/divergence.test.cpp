// divergence against f64 arithmetic on the logits of float_linear and integer_linear, which are the same bits.
//
// What is left are roundings of f64: of the sums of N terms, of the exponentials, and of logits up to `range` against
// each other, together (N + 8) (1 + range) u.
#include "divergence.h"

#include "float-test.h"

using namespace cider;
using namespace cider::test;

namespace {

constexpr double F64_UNIT = 0x1p-53;

// A head with random weights, and hidden states for it.
struct Side {
  Side(const Kernels &kernels, ThreadPool &pool, bool is_integer, uint32_t rows, uint32_t n, uint32_t k, Random &random)
      : x(size_t{rows} * k, 4), packed(is_integer ? integer_packed_bytes(*kernels.integer, {n, k, 0, 8})
                                                  : float_packed_bytes(*kernels.floats, {n, k, FloatFormat::f32, 0})),
        source{is_integer, {n, k, 0, 8}, {n, k, FloatFormat::f32, 0}, packed.data(), x.data()} {
    fill(x, size_t{rows} * k, -2, 2, random);
    if (is_integer) {
      Guarded<int8_t> codes(size_t{n} * k);
      Guarded<float> scales(n);
      for (size_t i = 0; i < size_t{n} * k; i++) codes[i] = static_cast<int8_t>(random.below(255) - 127);
      fill(scales, n, 0.005f, 0.01f, random);
      integer_pack(*kernels.integer, pool, {source.integer, codes.data(), scales.data(), nullptr, packed.data()});
    } else {
      Guarded<float> w(size_t{n} * k);
      fill(w, size_t{n} * k, -1, 1, random);
      dense_pack(*kernels.floats, pool, {source.floats, w.data(), nullptr, packed.data()});
    }
  }

  // Logits [rows, n].
  void logits(const Kernels &kernels, ThreadPool &pool, uint32_t rows, float *out) const {
    if (source.is_integer) {
      Guarded<uint8_t> scratch(integer_linear_scratch_bytes(*kernels.integer, source.integer, rows, pool.threads()));
      integer_linear(*kernels.integer, *kernels.quantize, pool,
                     {source.integer, source.packed, source.x, rows, out, true, scratch.data()});
    } else {
      Guarded<uint8_t> scratch(float_linear_scratch_bytes(*kernels.floats, source.floats, rows, pool.threads()));
      float_linear(*kernels.floats, pool, {source.floats, source.packed, source.x, rows, out, scratch.data()});
    }
  }

  Guarded<float> x;
  Guarded<uint8_t> packed;
  LogitSource source;
};

double log_sum_exp(const float *logits, uint32_t n) {
  double largest = -INFINITY;
  for (uint32_t i = 0; i < n; i++) largest = fmax(largest, double(logits[i]));
  double sum = 0;
  for (uint32_t i = 0; i < n; i++) sum += exp(double(logits[i]) - largest);
  return largest + log(sum);
}

uint32_t first_of_largest(const float *logits, uint32_t n) {
  uint32_t best = 0;
  for (uint32_t i = 1; i < n; i++) best = logits[i] > logits[best] ? i : best;
  return best;
}

void run(const Kernels &kernels, ThreadPool &pool, const Side &model, const Side &base, uint32_t rows, float soft_cap,
         double *divergences, uint8_t *same_top) {
  Guarded<uint8_t> scratch(divergence_scratch_bytes(kernels, model.source, base.source, rows, pool.threads()), 3);
  divergence(kernels, pool, {model.source, base.source, divergences, same_top, rows, soft_cap, scratch.data()});
  CHECK(scratch.intact(), "%s: %u rows write outside", kernels.isa, rows);
}

void check_heads(const Kernels &kernels, ThreadPool &pool, bool model_is_integer, bool base_is_integer, uint32_t rows,
                 uint32_t n, uint32_t k, float soft_cap, Random &random) {
  const Side model(kernels, pool, model_is_integer, rows, n, k, random);
  const Side base(kernels, pool, base_is_integer, rows, n, k + 3, random);
  Guarded<double> divergences(rows);
  Guarded<uint8_t> same_top(rows);
  run(kernels, pool, model, base, rows, soft_cap, divergences.data(), same_top.data());

  Guarded<float> m(size_t{rows} * n), b(size_t{rows} * n);
  model.logits(kernels, pool, rows, m.data());
  base.logits(kernels, pool, rows, b.data());
  if (soft_cap > 0) {
    for (Guarded<float> *logits : {&m, &b}) {
      for (uint32_t row = 0; row < rows; row++) {
        kernels.floats->soft_cap(logits->data() + size_t{row} * n, n, 1.0f, soft_cap);
      }
    }
  }
  for (uint32_t row = 0; row < rows; row++) {
    const float *q = m.data() + size_t{row} * n;
    const float *p = b.data() + size_t{row} * n;
    const double q_sum = log_sum_exp(q, n);
    const double p_sum = log_sum_exp(p, n);
    double expected = 0;
    double range = 0;
    for (uint32_t i = 0; i < n; i++) {
      const double log_p = double(p[i]) - p_sum;
      const double log_q = double(q[i]) - q_sum;
      expected += exp(log_p) * (log_p - log_q);
      range = fmax(range, fabs(log_p) + fabs(log_q));
    }
    const double bound = (n + 8) * (1 + range) * F64_UNIT;
    CHECK(fabs(divergences[row] - expected) <= bound, "%s: [%u, %u, %u] row %u: %.17g instead of %.17g (± %.2g)",
          kernels.isa, rows, n, k, row, divergences[row], expected, bound);
    const bool same = first_of_largest(p, n) == first_of_largest(q, n);
    CHECK(same_top[row] == same, "%s: [%u, %u, %u] row %u: same top %u", kernels.isa, rows, n, k, row, same_top[row]);
  }
  CHECK(divergences.intact() && same_top.intact(), "%s: [%u, %u, %u] writes outside", kernels.isa, rows, n, k);
}

// Equal distributions are 0 apart, to the last bit, and agree on the largest logit.
void check_equal(const Kernels &kernels, ThreadPool &pool, Random &random) {
  constexpr uint32_t rows = 9;
  const Side side(kernels, pool, false, rows, 517, 20, random);
  Guarded<double> divergences(rows);
  Guarded<uint8_t> same_top(rows);
  run(kernels, pool, side, side, rows, 0, divergences.data(), same_top.data());
  for (uint32_t row = 0; row < rows; row++) {
    CHECK(divergences[row] == 0 && same_top[row] == 1, "%s: row %u: %g, %u", kernels.isa, row, divergences[row],
          same_top[row]);
  }
}

// More rows than one chunk has: those of the second chunk are as if they stood alone.
void check_chunks(const Kernels &kernels, ThreadPool &pool, Random &random) {
  constexpr uint32_t rows = 35, n = 1 << 19, k = 1;
  Side model(kernels, pool, false, rows, n, k, random);
  Side base(kernels, pool, false, rows, n, k, random);
  Guarded<double> divergences(rows), last(3);
  Guarded<uint8_t> same_top(rows), last_same_top(3);
  run(kernels, pool, model, base, rows, 0, divergences.data(), same_top.data());
  model.source.x += 32 * k;
  base.source.x += 32 * k;
  run(kernels, pool, model, base, 3, 0, last.data(), last_same_top.data());
  for (uint32_t i = 0; i < 3; i++) {
    CHECK(divergences[32 + i] == last[i] && same_top[32 + i] == last_same_top[i], "%s: row %u: %.17g, %.17g",
          kernels.isa, 32 + i, divergences[32 + i], last[i]);
  }
}

// A row that holds NaN is NaN apart, and the others are as without it.
void check_nan(const Kernels &kernels, ThreadPool &pool, Random &random) {
  Side model(kernels, pool, false, 3, 600, 5, random);
  const Side base(kernels, pool, false, 3, 600, 5, random);
  double before[3], after[3];
  uint8_t same_top[3];
  run(kernels, pool, model, base, 3, 0, before, same_top);
  model.x[7] = NAN;
  run(kernels, pool, model, base, 3, 0, after, same_top);
  CHECK(after[0] == before[0] && isnan(after[1]) && after[2] == before[2], "%s: %g, %g, %g", kernels.isa, after[0],
        after[1], after[2]);
}

} // namespace

int main() {
  for_each_setting([](const Kernels &kernels, ThreadPool &pool) {
    Random random(pool.threads());
    check_heads(kernels, pool, false, false, 1, 1, 3, 0, random);
    check_heads(kernels, pool, false, false, 7, 33, 64, 0, random);
    check_heads(kernels, pool, false, false, 65, 1025, 33, 0, random);
    check_heads(kernels, pool, false, false, 7, 1025, 33, 2, random);
    check_heads(kernels, pool, true, false, 7, 257, 64, 0, random);
    check_heads(kernels, pool, false, true, 1, 257, 64, 0, random);
    check_heads(kernels, pool, true, true, 66, 513, 31, 2, random);
    check_equal(kernels, pool, random);
    check_nan(kernels, pool, random);
    if (pool.threads() == 2) check_chunks(kernels, pool, random);
  });
  return report();
}
