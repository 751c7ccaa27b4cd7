// cross_entropy against f64.
//
// A logit of a float head is off by δ ≤ ((K + 4) u + 3 · 2^-18) Σ |x w|, the latter only where factors are split
// (float-linear.test.cpp), and log Σ exp of all of them by as
// much at most; together with the logit of the target 2 δ. The sums of at most 256 exponentials are f32: 4 u for each,
// the rounding of its argument, and an addition each: (4 + |logit - largest| + 256) u of a number whose logarithm is
// taken. Logits of an integer head are the same bits as those of integer_linear, so that δ is 0. A soft cap adds 11 u
// of what it makes of a logit (float-tanh.test.cpp), and magnifies no error.
#include "cross-entropy.h"

#include "float-test.h"

using namespace cider;
using namespace cider::test;

namespace {

constexpr double SUM_ROUNDING = 256 + 4;
constexpr double CAP_ROUNDING = 11;

// cap · tanh(logit / cap); 0: the logit.
double capped(double logit, float cap) { return cap > 0 ? double(cap) * tanh(logit / double(cap)) : logit; }

// The loss by f64 arithmetic of logits [columns].
double plain_loss(const double *logits, uint32_t columns, int32_t target) {
  double largest = -INFINITY;
  for (uint32_t i = 0; i < columns; i++) largest = logits[i] > largest ? logits[i] : largest;
  double sum = 0;
  for (uint32_t i = 0; i < columns; i++) sum += exp(logits[i] - largest);
  return largest + log(sum) - logits[target];
}

void choose_targets(Guarded<int32_t> &targets, uint32_t rows, uint32_t columns, Random &random) {
  for (uint32_t i = 0; i < rows; i++) {
    targets[i] = i % 5 == 3 ? -1 : static_cast<int32_t>(i % 5 == 4 ? columns - 1 : random.below(columns));
  }
}

void check_float_head(const Kernels &kernels, ThreadPool &pool, uint32_t rows, uint32_t n, uint32_t k,
                      FloatFormat format, float soft_cap, Random &random) {
  const bool affine = format == FloatFormat::affine4;
  const FloatShape shape = {n, k, format, affine ? 32u : 0u};
  const uint32_t groups = (k + 31) / 32;
  Guarded<float> x(size_t{rows} * k, 4), w(size_t{n} * k), scales(size_t{n} * groups), biases(size_t{n} * groups);
  Guarded<uint8_t> codes(size_t{n} * k), packed(float_packed_bytes(*kernels.floats, shape));
  Guarded<double> sizes(size_t{n} * k);
  fill(x, size_t{rows} * k, -1, 1, random);
  fill(w, size_t{n} * k, -1, 1, random);
  if (affine) {
    fill(scales, size_t{n} * groups, 0.05f, 0.1f, random);
    fill(biases, size_t{n} * groups, -0.8f, -0.4f, random);
    for (size_t i = 0; i < size_t{n} * k; i++) codes[i] = static_cast<uint8_t>(random.below(16));
    affine_pack(*kernels.floats, pool, {shape, codes.data(), scales.data(), biases.data(), nullptr, packed.data()});
  } else if (format == FloatFormat::bf16) {
    Guarded<uint16_t> upper_halves(size_t{n} * k);
    for (size_t i = 0; i < size_t{n} * k; i++) {
      uint32_t bits;
      memcpy(&bits, &w[i], sizeof bits);
      upper_halves[i] = static_cast<uint16_t>(bits >> 16);
      bits &= 0xffff0000;
      memcpy(&w[i], &bits, sizeof bits);
    }
    dense_pack(*kernels.floats, pool, {shape, upper_halves.data(), nullptr, packed.data()});
  } else {
    dense_pack(*kernels.floats, pool, {shape, w.data(), nullptr, packed.data()});
  }
  const double input_error = kernels.floats->split != nullptr && format != FloatFormat::f32 ? 3 * 0x1p-18 : 0;
  Guarded<int32_t> targets(rows);
  choose_targets(targets, rows, n, random);
  Guarded<double> losses(rows);
  const FloatHead head = {shape, packed.data()};
  Guarded<uint8_t> scratch(cross_entropy_scratch_bytes(kernels, head, rows, pool.threads()), 3);
  cross_entropy(kernels, pool, head, {x.data(), targets.data(), losses.data(), rows, soft_cap, scratch.data()});

  Guarded<double> logits(n);
  for (uint32_t row = 0; row < rows; row++) {
    double delta = 0;
    double range = 0;
    for (uint32_t i = 0; i < n; i++) {
      double size = 0;
      logits[i] = 0;
      for (uint32_t j = 0; j < k; j++) {
        const size_t at = size_t{i} * k + j;
        const size_t group = size_t{i} * groups + j / 32;
        const double weight = affine ? double(scales[group]) * codes[at] + double(biases[group]) : double(w[at]);
        const double weight_size = affine ? double(scales[group]) * codes[at] - double(biases[group]) : fabs(weight);
        logits[i] += double(x[size_t{row} * k + j]) * weight;
        size += fabs(double(x[size_t{row} * k + j])) * weight_size;
      }
      logits[i] = capped(logits[i], soft_cap);
      const double cap_error = soft_cap > 0 ? CAP_ROUNDING * fabs(logits[i]) * UNIT : 0;
      delta = fmax(delta, ((k + 4) * UNIT + input_error) * size + cap_error);
      range = fmax(range, 2 * fabs(logits[i]));
    }
    const double expected = targets[row] < 0 ? 0 : plain_loss(logits.data(), n, targets[row]);
    const double bound = targets[row] < 0 ? 0 : 2 * delta + (SUM_ROUNDING + range) * UNIT;
    CHECK(fabs(losses[row] - expected) <= bound, "%s: [%u, %u, %u] row %u: %.12g instead of %.12g (± %.2g)",
          kernels.isa, rows, n, k, row, losses[row], expected, bound);
  }
  CHECK(scratch.intact() && losses.intact(), "%s: [%u, %u, %u] writes outside", kernels.isa, rows, n, k);
}

void check_integer_head(const Kernels &kernels, ThreadPool &pool, uint32_t rows, uint32_t n, uint32_t k,
                        uint32_t group_size, float soft_cap, Random &random) {
  const IntegerShape shape = {n, k, group_size, 8};
  const uint32_t groups = group_size == 0 ? 1 : (k - 1) / group_size + 1;
  Guarded<float> x(size_t{rows} * k), scales(size_t{n} * groups), logits(size_t{rows} * n);
  Guarded<int8_t> codes(size_t{n} * k);
  fill(x, size_t{rows} * k, -1, 1, random);
  fill(scales, size_t{n} * groups, 0.005f, 0.01f, random);
  for (size_t i = 0; i < size_t{n} * k; i++) codes[i] = static_cast<int8_t>(random.below(255) - 127);
  Guarded<uint8_t> packed(integer_packed_bytes(*kernels.integer, shape));
  integer_pack(*kernels.integer, pool, {shape, codes.data(), scales.data(), nullptr, packed.data()});
  Guarded<uint8_t> linear_scratch(integer_linear_scratch_bytes(*kernels.integer, shape, rows, pool.threads()));
  integer_linear(*kernels.integer, *kernels.quantize, pool,
                 {shape, packed.data(), x.data(), rows, logits.data(), true, linear_scratch.data()});

  Guarded<int32_t> targets(rows);
  choose_targets(targets, rows, n, random);
  Guarded<double> losses(rows), row_logits(n);
  const IntegerHead head = {shape, packed.data()};
  Guarded<uint8_t> scratch(cross_entropy_scratch_bytes(kernels, head, rows, pool.threads()), 3);
  cross_entropy(kernels, pool, head, {x.data(), targets.data(), losses.data(), rows, soft_cap, scratch.data()});
  for (uint32_t row = 0; row < rows; row++) {
    double range = 0;
    for (uint32_t i = 0; i < n; i++) {
      row_logits[i] = capped(double(logits[size_t{row} * n + i]), soft_cap);
      range = fmax(range, 2 * fabs(row_logits[i]));
    }
    const double expected = targets[row] < 0 ? 0 : plain_loss(row_logits.data(), n, targets[row]);
    const double bound = targets[row] < 0 ? 0 : (SUM_ROUNDING + range * (soft_cap > 0 ? 1 + CAP_ROUNDING : 1)) * UNIT;
    CHECK(fabs(losses[row] - expected) <= bound, "%s: integer [%u, %u, %u] row %u: %.12g instead of %.12g", kernels.isa,
          rows, n, k, row, losses[row], expected);
  }
  CHECK(scratch.intact() && losses.intact(), "%s: integer [%u, %u, %u] writes outside", kernels.isa, rows, n, k);
}

// A row that holds NaN has a loss of NaN, and the others are as without it.
void check_nan(const Kernels &kernels, ThreadPool &pool, Random &random) {
  const FloatShape shape = {600, 5, FloatFormat::f32, 0};
  Guarded<float> x(3 * 5), w(600 * 5);
  fill(x, 15, -1, 1, random);
  fill(w, 3000, -1, 1, random);
  Guarded<uint8_t> packed(float_packed_bytes(*kernels.floats, shape));
  dense_pack(*kernels.floats, pool, {shape, w.data(), nullptr, packed.data()});
  const FloatHead head = {shape, packed.data()};
  Guarded<uint8_t> scratch(cross_entropy_scratch_bytes(kernels, head, 3, pool.threads()));
  const int32_t targets[3] = {5, 599, 0};
  double before[3], after[3];
  cross_entropy(kernels, pool, head, {x.data(), targets, before, 3, 0, scratch.data()});
  x[7] = NAN;
  cross_entropy(kernels, pool, head, {x.data(), targets, after, 3, 0, scratch.data()});
  CHECK(after[0] == before[0] && isnan(after[1]) && after[2] == before[2], "%s: %g, %g, %g", kernels.isa, after[0],
        after[1], after[2]);
}

// Tokens that a bias rules out do not count, though no other logit of their part is finite.
void check_ruled_out(const Kernels &kernels, ThreadPool &pool) {
  const FloatShape shape = {600, 5, FloatFormat::f32, 0};
  Guarded<float> x(5), w(600 * 5), bias(600);
  for (uint32_t i = 0; i < 600; i++) {
    bias[i] = i < 599 ? -INFINITY : 1;
    for (uint32_t k = 0; k < 5; k++) w[i * 5 + k] = x[k] = 1;
  }
  Guarded<uint8_t> packed(float_packed_bytes(*kernels.floats, shape));
  dense_pack(*kernels.floats, pool, {shape, w.data(), bias.data(), packed.data()});
  const FloatHead head = {shape, packed.data()};
  Guarded<uint8_t> scratch(cross_entropy_scratch_bytes(kernels, head, 1, pool.threads()));
  const int32_t target = 599;
  double loss;
  cross_entropy(kernels, pool, head, {x.data(), &target, &loss, 1, 0, scratch.data()});
  CHECK(loss == 0, "%s: a loss of %g for the only token", kernels.isa, loss);
}

} // namespace

int main() {
  for_each_setting([](const Kernels &kernels, ThreadPool &pool) {
    Random random(pool.threads());
    for (const FloatFormat format : {FloatFormat::f32, FloatFormat::bf16, FloatFormat::affine4}) {
      check_float_head(kernels, pool, 1, 1, 3, format, 0, random);
      check_float_head(kernels, pool, 7, 33, 64, format, 0, random);
      check_float_head(kernels, pool, 2, 1025, 33, format, 0, random);
      check_float_head(kernels, pool, 300, 513, 7, format, 0, random);
      check_float_head(kernels, pool, 2000, 40, 5, format, 0, random);
      check_float_head(kernels, pool, 31, 513, 33, format, 1.5f, random);
    }
    check_integer_head(kernels, pool, 1, 257, 64, 0, 0, random);
    check_integer_head(kernels, pool, 65, 1025, 129, 32, 0, random);
    check_integer_head(kernels, pool, 33, 300, 64, 0, 2, random);
    check_nan(kernels, pool, random);
    check_ruled_out(kernels, pool);
  });
  return report();
}
