// argmax and sample against plain searches and sorts. Weights are exponentials in f64 by the same function as in
// sample.cpp; sums in another order differ by 2^-52 at most, which no random number of these tests meets.
#include "sample.h"

#include "float-test.h"

using namespace cider;
using namespace cider::test;

namespace {

int32_t plain_argmax(const float *row, uint32_t columns) {
  uint32_t best = 0;
  for (uint32_t i = 1; i < columns; i++) {
    if (row[i] > row[best] || isnan(row[best])) best = i;
  }
  return static_cast<int32_t>(best);
}

const float *compared;
int compare(const void *a, const void *b) {
  const uint32_t i = *static_cast<const uint32_t *>(a);
  const uint32_t j = *static_cast<const uint32_t *>(b);
  if (compared[i] != compared[j]) return compared[i] > compared[j] ? -1 : 1;
  return i < j ? -1 : 1;
}

int32_t plain_sample(const float *logits, uint32_t columns, float temperature, uint32_t top_k, float top_p,
                     double random) {
  static uint32_t order[5000];
  static double weights[5000];
  for (uint32_t i = 0; i < columns; i++) order[i] = i;
  compared = logits;
  qsort(order, columns, sizeof order[0], compare);
  const uint32_t limit = top_k == 0 || top_k > columns ? columns : top_k;
  double total = 0;
  for (uint32_t i = 0; i < limit; i++) {
    weights[i] = exp((double(logits[order[i]]) - double(logits[order[0]])) / double(temperature));
    total += weights[i];
  }
  uint32_t nucleus = 0;
  double reached = 0;
  while (reached < double(top_p) * total && nucleus < limit) reached += weights[nucleus++];
  uint32_t choice = 0;
  double passed = weights[0];
  while (passed <= random * reached && choice < nucleus - 1) passed += weights[++choice];
  return static_cast<int32_t>(order[choice]);
}

void check_argmax(const Kernels &kernels, ThreadPool &pool, Random &random) {
  for (const uint32_t columns : {1u, 2u, 15u, 16u, 17u, 33u, 1000u}) {
    const uint32_t rows = 40;
    Guarded<float> logits(size_t{rows} * columns, 4);
    Guarded<int32_t> ids(rows);
    for (size_t i = 0; i < size_t{rows} * columns; i++) {
      // Many ties, rows of one value only, and NaN and infinities.
      const uint32_t row = static_cast<uint32_t>(i / columns);
      logits[i] = row % 4 == 0 ? -INFINITY : static_cast<float>(random.below(5));
      if (row % 5 == 1 && random.below(3) == 0) logits[i] = NAN;
      if (row % 7 == 2 && random.below(9) == 0) logits[i] = INFINITY;
      if (row == 39) logits[i] = NAN;
    }
    argmax(*kernels.floats, pool, logits.data(), rows, columns, ids.data());
    for (uint32_t row = 0; row < rows; row++) {
      const int32_t expected = plain_argmax(logits.data() + size_t{row} * columns, columns);
      CHECK(ids[row] == expected, "%s: row %u of %u: %d instead of %d", kernels.isa, row, columns, ids[row], expected);
    }
    CHECK(ids.intact(), "%s writes outside", kernels.isa);
  }
}

void check_sample(const Kernels &kernels, Random &random) {
  for (const uint32_t columns : {1u, 2u, 7u, 100u, 5000u}) {
    Guarded<float> logits(columns, 4);
    Guarded<uint8_t> scratch(sample_scratch_bytes(columns), 3);
    for (const bool with_ties : {false, true}) {
      for (uint32_t i = 0; i < columns; i++) {
        logits[i] = with_ties ? static_cast<float>(random.below(6)) : random.uniform(-8, 8);
      }
      if (columns > 2) logits[1] = -INFINITY;
      for (const float temperature : {0.25f, 1.0f, 3.0f}) {
        for (const uint32_t top_k : {0u, 1u, 2u, 40u, 6000u}) {
          for (const float top_p : {1e-6f, 0.3f, 0.95f, 1.0f}) {
            for (const double at : {0.0, 0.1234567, 0.7654321, 0.9999999}) {
              const int32_t got =
                  sample(*kernels.floats, {logits.data(), columns, temperature, top_k, top_p, at, scratch.data()});
              const int32_t expected = plain_sample(logits.data(), columns, temperature, top_k, top_p, at);
              CHECK(got == expected, "%s: %u columns, temperature %g, top %u, %g, random %g: %d instead of %d",
                    kernels.isa, columns, double(temperature), top_k, double(top_p), at, got, expected);
            }
          }
        }
      }
    }
    const int32_t best = plain_argmax(logits.data(), columns);
    CHECK(sample(*kernels.floats, {logits.data(), columns, 0, 0, 1, 0.5, scratch.data()}) == best,
          "%s: not the largest at temperature 0", kernels.isa);
    logits[columns / 2] = NAN;
    CHECK(sample(*kernels.floats, {logits.data(), columns, 1, 0, 1, 0.5, scratch.data()}) == -1, "%s: NaN",
          kernels.isa);
    logits[columns / 2] = INFINITY;
    CHECK(sample(*kernels.floats, {logits.data(), columns, 1, 0, 1, 0.5, scratch.data()}) == -1, "%s: infinity",
          kernels.isa);
    CHECK(scratch.intact(), "%s: %u columns write outside", kernels.isa, columns);
  }
}

} // namespace

int main() {
  for_each_setting([](const Kernels &kernels, ThreadPool &pool) {
    Random random(pool.threads());
    check_argmax(kernels, pool, random);
    if (pool.threads() == 1) check_sample(kernels, random);
  });
  return report();
}
