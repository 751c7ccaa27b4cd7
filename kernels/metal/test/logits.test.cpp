// cross_entropy against f64, argmax against its definition.
//
// A logit is f32 and exact, or off by CAP_ROUNDING u of itself where it is capped; so are the largest and the target's.
// In exp(logit - largest) both count, as do the rounding of the argument, u · |logit - largest|, and that of the
// exponential. The sum takes 16 additions in a part, as many as a thread has parts, 5 in a simdgroup and 7 among them.
#include "launcher.h"
#include "tolerance.h"

#include "../parameters.h"

using namespace cider::test;

namespace {

void check_row(const float *logits, uint32_t columns, int32_t target, float cap, const float *out) {
  double largest = -INFINITY, smallest = INFINITY;
  for (uint32_t i = 0; i < columns; i++) {
    largest = fmax(largest, capped(double(logits[i]), cap));
    smallest = fmin(smallest, capped(double(logits[i]), cap));
  }
  double sum = 0;
  for (uint32_t i = 0; i < columns; i++) sum += exp(capped(double(logits[i]), cap) - largest);
  const double cap_rounding = cap > 0 ? CAP_ROUNDING * UNIT : 0;
  const double size = fmax(fabs(largest), fabs(smallest));
  const double additions = 16 + ceil(columns / 4096.0) + 5 + 7;
  const double relative = 2 * cap_rounding * size + (largest - smallest + EXP_ROUNDING + additions) * UNIT;
  CHECK(is_near(double(out[0]), largest, cap_rounding * size), "%u logits, cap %g: the largest is %.9g instead of %.9g",
        columns, double(cap), double(out[0]), largest);
  CHECK(is_near(double(out[1]), sum, relative * sum + columns * SMALLEST_NORMAL),
        "%u logits, cap %g: a sum of %.9g instead of %.9g", columns, double(cap), double(out[1]), sum);
  const double expected = target < 0 ? 0 : capped(double(logits[target]), cap);
  CHECK(is_near(double(out[2]), expected, cap_rounding * size), "logit %d of %u, cap %g: %.9g instead of %.9g", target,
        columns, double(cap), double(out[2]), expected);
}

void check_cross_entropy(Kernels &kernels, uint32_t rows, uint32_t columns, float magnitude, float cap,
                         Random &random) {
  OnGpu<float> logits(size_t{rows} * columns), out(size_t{rows} * 4);
  OnGpu<int32_t> targets(rows);
  fill(logits, -magnitude, magnitude, random);
  for (uint32_t i = 0; i < rows; i++) {
    targets[i] = i % 5 == 3 ? -1 : static_cast<int32_t>(i % 5 == 4 ? columns - 1 : random.below(columns));
  }
  kernels.run("cross_entropy", {rows}, ROW_THREADS, logits, targets, out, CrossEntropyParameters{columns, cap});
  for (uint32_t row = 0; row < rows; row++) {
    check_row(logits.data() + size_t{row} * columns, columns, targets[row], cap, out.data() + size_t{row} * 4);
  }
}

// log Σ exp of a row of 600 logits, as a backend makes it.
void check_special_rows(Kernels &kernels) {
  const uint32_t columns = 600, rows = 5;
  OnGpu<float> logits(rows * columns), out(rows * 4);
  OnGpu<int32_t> targets(rows);
  for (uint32_t i = 0; i < rows * columns; i++) logits[i] = i < columns ? -INFINITY : 0;
  logits[599] = 1; // the only token that is not ruled out
  logits[columns + 300] = NAN;
  logits[2 * columns + 7] = INFINITY;
  for (uint32_t i = 3 * columns; i < 4 * columns; i++) logits[i] = -INFINITY;
  for (uint32_t i = 4 * columns; i < 5 * columns; i++) logits[i] = NAN;
  for (uint32_t i = 0; i < rows; i++) targets[i] = 599;
  kernels.run("cross_entropy", {rows}, ROW_THREADS, logits, targets, out, CrossEntropyParameters{columns, 0});
  const auto loss = [&](uint32_t row) {
    return double(out[row * 4]) + log(double(out[row * 4 + 1])) - double(out[row * 4 + 2]);
  };
  CHECK(loss(0) == 0, "a loss of %g for the only token", loss(0));
  for (uint32_t row = 1; row < rows; row++) CHECK(isnan(loss(row)), "a loss of %g in row %u", loss(row), row);
}

int32_t index_of_largest(const float *row, uint32_t columns) {
  uint32_t best = 0;
  for (uint32_t i = 1; i < columns; i++) {
    if (row[i] > row[best] || isnan(row[best])) best = i;
  }
  return static_cast<int32_t>(best);
}

// Few different values, so that there are ties; a share of them special.
void check_argmax(Kernels &kernels, uint32_t rows, uint32_t columns, uint32_t share, const float (&values)[4],
                  Random &random) {
  OnGpu<float> logits(size_t{rows} * columns);
  OnGpu<int32_t> ids(rows);
  for (size_t i = 0; i < logits.size(); i++) {
    logits[i] = random.below(100) < share ? values[random.below(4)] : static_cast<float>(random.below(20)) - 30;
  }
  kernels.run("argmax", {rows}, ROW_THREADS, logits, ids, ArgmaxParameters{columns});
  for (uint32_t row = 0; row < rows; row++) {
    const int32_t expected = index_of_largest(logits.data() + size_t{row} * columns, columns);
    CHECK(ids[row] == expected, "row %u of %u logits: %d instead of %d", row, columns, ids[row], expected);
  }
}

void check_all() {
  Kernels kernels({"logits.metal"});
  Random random(17);
  for (const float cap : {0.0f, 30.0f}) {
    for (const uint32_t columns : {1u, 7u, 255u, 257u, 1025u, 4097u}) {
      check_cross_entropy(kernels, 6, columns, 20, cap, random);
    }
    check_cross_entropy(kernels, 1, 151936, 90, cap, random);
  }
  check_special_rows(kernels);
  const float usual[4] = {NAN, -INFINITY, 0.0f, -0.0f};
  const float subnormal[4] = {1e-40f, 2e-40f, 0.0f, -1e-40f};
  const float lowest[4] = {NAN, NAN, -INFINITY, -INFINITY};
  for (const uint32_t columns : {1u, 2u, 31u, 256u, 257u, 5000u}) {
    for (const uint32_t share : {0u, 3u, 50u, 100u}) {
      check_argmax(kernels, 7, columns, share, usual, random);
      check_argmax(kernels, 7, columns, share, subnormal, random);
      check_argmax(kernels, 7, columns, share, lowest, random);
    }
  }
  const float nothing_else[4] = {NAN, NAN, NAN, NAN};
  check_argmax(kernels, 2, 1000, 100, nothing_else, random);
}

} // namespace

int main() { return in_each_order(check_all); }
