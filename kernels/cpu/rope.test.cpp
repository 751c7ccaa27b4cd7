// rope against f64 functions of the same f32 angle. cos and sin are f64 values rounded to f32: off by u = 2^-24 of
// themselves, or a little more near a tie, for which 2 u are allowed; their product with the factor by 1 more, the
// products by 1 and the sum by 1.
#include "rope.h"

#include "float-test.h"

using namespace cider;
using namespace cider::test;

namespace {

void check_rope(const Kernels &kernels, ThreadPool &pool, uint32_t rows, uint32_t heads, uint32_t head_dim,
                uint32_t first_position, float factor, float base, Random &random) {
  const uint32_t half = head_dim / 2;
  const uint32_t columns = heads * head_dim;
  Guarded<float> frequencies(half, 4), x(size_t{rows} * columns, 12), before(size_t{rows} * columns);
  for (uint32_t i = 0; i < half; i++) frequencies[i] = powf(base, -static_cast<float>(i) / static_cast<float>(half));
  fill(x, size_t{rows} * columns, -3, 3, random);
  memcpy(before.data(), x.data(), size_t{rows} * columns * sizeof(float));
  Guarded<uint8_t> scratch(rope_scratch_bytes(head_dim, pool.threads()), 5);
  rope(*kernels.floats, pool,
       {x.data(), frequencies.data(), rows, columns, head_dim, first_position, factor, scratch.data()});
  for (uint32_t row = 0; row < rows; row++) {
    for (uint32_t head = 0; head < heads; head++) {
      for (uint32_t i = 0; i < half; i++) {
        const double angle = double(static_cast<float>(double(first_position + row) * double(frequencies[i])));
        const double c = cos(angle) * double(factor);
        const double s = sin(angle) * double(factor);
        const size_t at = size_t{row} * columns + head * head_dim + i;
        const double a = double(before[at]);
        const double b = double(before[at + half]);
        const double first = double(x[at]);
        const double second = double(x[at + half]);
        CHECK(fabs(first - (a * c - b * s)) <= 5 * UNIT * (fabs(a * c) + fabs(b * s)) + SMALLEST &&
                  fabs(second - (b * c + a * s)) <= 5 * UNIT * (fabs(b * c) + fabs(a * s)) + SMALLEST,
              "%s: position %u, element %u of %u: (%.9g, %.9g) instead of (%.9g, %.9g)", kernels.isa,
              first_position + row, i, head_dim, first, second, a * c - b * s, b * c + a * s);
      }
    }
  }
  CHECK(x.intact() && scratch.intact(), "%s: heads of %u write outside", kernels.isa, head_dim);
}

} // namespace

int main() {
  for_each_setting([](const Kernels &kernels, ThreadPool &pool) {
    Random random(3);
    for (const uint32_t head_dim : {2u, 6u, 32u, 34u, 64u, 80u, 128u}) {
      check_rope(kernels, pool, 5, 3, head_dim, 0, 1, 10000, random);
      check_rope(kernels, pool, 300, 1, head_dim, 1900, 1, 1e6f, random);
      check_rope(kernels, pool, 2, 2, head_dim, 131000, 1.25f, 500000, random);
    }
    // Angles whose reduction is hard: many turns, beyond what f32 positions hold, and beyond the vector path.
    check_rope(kernels, pool, 200, 1, 64, 16777200, 1, 10000, random);
    check_rope(kernels, pool, 20, 1, 64, 4294967000u, 1, 10000, random);
    check_rope(kernels, pool, 20, 1, 8, 4000000000u, 1, 1e-20f, random);
  });
  return report();
}
