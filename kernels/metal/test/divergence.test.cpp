// divergence against f64.
//
// Logits b of the base and m are off by ρ = CAP_ROUNDING u of themselves where they are capped. With R the largest
// distance of a logit from the largest of its row, weights exp(b - largest) are off by a factor of ε = (EXP_ROUNDING +
// R) u + 2 ρ |b|, and sums go through at most N = 16 + parts of a thread + 5 + 7 additions.
//
// Where the plain formula is used, differences of exponents are off by η = 4 R u + 4 ρ |b| at most; the mean of them,
// whose size is T = Σ p |b - m| of exponents, by (2 ε + (2 N + 4) u) T + η; each logarithm by the relative error of its
// sum, ε + N u, and (LOG_ROUNDING + 2) u of itself.
//
// Else, for a divergence D: weights off by ε are another p, and change it by ε Σ p |δ - c| at most, on either side of
// the division by their sum; logits off by η are another q (or p), and change it by |p - q| η ≤ √(2 D) η (Pinsker). The
// terms of S are not negative; in those far from the center an exponential cancels no more than 9 / 10 of the others:
// 30 ε of them, and N + 20 u for the sum, the series, the division and the logarithm. What is wrong with A cancels but
// for a share of D.
#include "launcher.h"
#include "tolerance.h"

#include "../parameters.h"

using namespace cider::test;

namespace {

int32_t index_of_largest(const float *row, uint32_t columns, float cap) {
  uint32_t best = 0;
  for (uint32_t i = 1; i < columns; i++) {
    if (capped(double(row[i]), cap) > capped(double(row[best]), cap) || isnan(row[best])) best = i;
  }
  return static_cast<int32_t>(best);
}

struct Row {
  double sum = 0, top = -INFINITY, size = 0, range = 0;

  Row(const float *logits, uint32_t columns, float cap) {
    for (uint32_t i = 0; i < columns; i++) top = fmax(top, capped(double(logits[i]), cap));
    for (uint32_t i = 0; i < columns; i++) {
      const double logit = capped(double(logits[i]), cap);
      sum += exp(logit - top);
      size = fmax(size, fabs(logit));
      range = fmax(range, top - logit);
    }
  }
};

void check_row(const float *logits, const float *base_logits, uint32_t columns, float cap, const float *out,
               double expected_size) {
  const Row model(logits, columns, cap), base(base_logits, columns, cap);
  // Σ p (exp(-y) - 1 + y) with y = ln(p / q), of which no term is negative, is the divergence, as Σ q - p = 0.
  double divergence = 0, exponents = 0, mean = 0, deviation = 0;
  for (uint32_t i = 0; i < columns; i++) {
    const double b = capped(double(base_logits[i]), cap) - base.top, m = capped(double(logits[i]), cap) - model.top;
    const double y = (b - m) - (log(base.sum) - log(model.sum));
    const double p = exp(b) / base.sum;
    divergence += fabs(y) < 1e-3 ? p * y * y * (0.5 - y / 6 + y * y / 24) : p * (expm1(-y) + y);
    exponents += p * fabs(b - m);
    mean += p * (b - m);
  }
  for (uint32_t i = 0; i < columns; i++) {
    const double b = capped(double(base_logits[i]), cap) - base.top, m = capped(double(logits[i]), cap) - model.top;
    deviation += exp(b) / base.sum * fabs(b - m - mean);
  }
  const double cap_error = cap > 0 ? CAP_ROUNDING * UNIT * fmax(model.size, base.size) : 0;
  const double range = fmax(model.range, base.range);
  const double weight_error = (EXP_ROUNDING + range) * UNIT + 2 * cap_error;
  const double additions = (16 + ceil(columns / 4096.0) + 5 + 7) * UNIT;
  const double exponent_error = 4 * range * UNIT + 4 * cap_error;
  const double logs = fabs(log(base.sum)) + fabs(log(model.sum));
  const double plain = (2 * weight_error + 2 * additions + 4 * UNIT) * exponents + exponent_error +
                       2 * (weight_error + additions) + (LOG_ROUNDING + 2) * UNIT * logs;
  const double centered = 2 * weight_error * deviation + sqrt(2 * divergence) * exponent_error +
                          (30 * weight_error + additions + (20 + LOG_ROUNDING) * UNIT) * divergence;
  const double bound = divergence < 0.2 ? centered + 1e-14 : fmax(plain, centered);
  CHECK(is_near(double(out[0]), divergence, bound), "%u logits, cap %g: %.9g instead of %.9g (± %.2g)", columns,
        double(cap), double(out[0]), divergence, bound);
  CHECK(expected_size == 0 || fabs(log10(divergence / expected_size)) < 1, "a divergence of %g, not about %g",
        divergence, expected_size);
  // Caps may make equals of logits.
  if (cap > 0) return;
  const bool is_same = index_of_largest(logits, columns, cap) == index_of_largest(base_logits, columns, cap);
  CHECK(out[1] == (is_same ? 1 : 0), "%u logits: %g for tops that are %s", columns, double(out[1]),
        is_same ? "the same" : "others");
}

// Logits that are the base's but for noise, and shifted.
void check_noise(Kernels &kernels, uint32_t columns, float magnitude, float noise, float cap, double expected_size,
                 Random &random) {
  const uint32_t rows = 3;
  OnGpu<float> logits(size_t{rows} * columns), base(logits.size()), out(rows * 2);
  fill(base, -magnitude, magnitude, random);
  for (size_t i = 0; i < logits.size(); i++) logits[i] = base[i] + 0.75f + random.uniform(-noise, noise);
  kernels.run("divergence", {rows}, ROW_THREADS, logits, base, out, CrossEntropyParameters{columns, cap});
  for (uint32_t row = 0; row < rows; row++) {
    const size_t at = size_t{row} * columns;
    check_row(logits.data() + at, base.data() + at, columns, cap, out.data() + row * 2, expected_size);
  }
}

constexpr uint32_t columns = 600;

// The divergence of a row that `change` makes of two that are nearly the same.
template <class Change>
double divergence_of(Kernels &kernels, Change change, float &is_same_top) {
  OnGpu<float> logits(columns), base(columns), out(2);
  for (uint32_t i = 0; i < columns; i++) {
    base[i] = static_cast<float>(i % 7);
    logits[i] = base[i] + static_cast<float>(i % 3) / 8;
  }
  change(logits.data(), base.data());
  kernels.run("divergence", {1}, ROW_THREADS, logits, base, out, CrossEntropyParameters{columns, 0});
  is_same_top = out[1];
  return double(out[0]);
}

void check_special_rows(Kernels &kernels) {
  float top;
  double got = divergence_of(kernels, [](float *logits, float *base) { memcpy(logits, base, columns * 4); }, top);
  CHECK(got == 0 && top == 1, "%g, %g for the same rows", got, double(top));
  // What the base rules out and the model does not: as if the tokens that are left had all of the base's weight.
  const auto without_first = [](float *logits, float *base) {
    for (uint32_t i = 0; i < columns; i++) logits[i] = base[i];
    base[6] = -INFINITY;
    logits[8] = base[8] = -INFINITY;
  };
  got = divergence_of(kernels, without_first, top);
  double all = 0;
  for (uint32_t i = 0; i < columns; i++) all += i == 8 ? 0 : exp(i % 7);
  const double expected = -log(1 - exp(6) / all);
  CHECK(is_near(got, expected, 1e-4 * expected) && top == 0, "%.9g instead of %.9g for a token ruled out", got,
        expected);
  got = divergence_of(kernels, [](float *logits, float *) { logits[3] = -INFINITY; }, top);
  CHECK(got == INFINITY, "%g for a token that the model rules out", got);
  const float bad[] = {NAN, INFINITY};
  for (const float value : bad) {
    got = divergence_of(kernels, [&](float *logits, float *) { logits[3] = value; }, top);
    CHECK(isnan(got), "%g for a logit of %g", got, double(value));
    got = divergence_of(kernels, [&](float *, float *base) { base[3] = value; }, top);
    CHECK(isnan(got), "%g for a base logit of %g", got, double(value));
  }
  const auto with_both = [](float *logits, float *) {
    logits[3] = -INFINITY;
    logits[4] = NAN;
  };
  got = divergence_of(kernels, with_both, top);
  CHECK(isnan(got), "%g for logits of -infinity and NaN", got);
  for (const float value : {NAN, -INFINITY}) {
    const auto all_bad = [&](float *logits, float *) {
      for (uint32_t i = 0; i < columns; i++) logits[i] = value;
    };
    got = divergence_of(kernels, all_bad, top);
    CHECK(isnan(got) && top == 0, "%g, %g for nothing but %g", got, double(top), double(value));
  }
}

void check_all() {
  Kernels kernels({"divergence.metal"});
  Random random(19);
  for (const float cap : {0.0f, 15.0f}) {
    for (const uint32_t count : {1u, 2u, 33u, 257u, 1025u}) {
      for (const float noise : {0.001f, 0.05f, 1.0f, 6.0f, 60.0f})
        check_noise(kernels, count, 8, noise, cap, 0, random);
    }
  }
  // Small ones keep their digits.
  check_noise(kernels, 4000, 8, 1e-3f, 0, 1.7e-7, random);
  check_noise(kernels, 4000, 8, 0.1f, 0, 1.7e-3, random);
  check_noise(kernels, 151936, 15, 0.3f, 0, 1.5e-2, random);
  check_noise(kernels, 3000, 90, 2, 0, 0, random);
  check_special_rows(kernels);
}

} // namespace

int main() { return in_each_order(check_all); }
