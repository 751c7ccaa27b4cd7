// rope has the bits of two f32 products and an f32 sum each. A product of two f32 is exact in f64, and the f64 sum of
// two f32, rounded to f32, is the f32 sum.
#include "launcher.h"
#include "tolerance.h"

#include "../parameters.h"

using namespace cider::test;

namespace {

float product(float a, float b) { return static_cast<float>(double(a) * double(b)); }
float sum(float a, float b) { return static_cast<float>(double(a) + double(b)); }

void check_rope(Kernels &kernels, uint32_t rows, uint32_t heads, uint32_t head_dim, Random &random) {
  const uint32_t half = head_dim / 2;
  OnGpu<float> x(size_t{rows} * heads * head_dim), rotations(size_t{rows} * head_dim);
  fill(x, -3, 3, random);
  fill(rotations, -1, 1, random);
  Guarded<float> before(x.size());
  memcpy(before.data(), x.data(), x.size() * sizeof(float));
  const Grid groups = {(heads * half + ELEMENT_THREADS - 1) / ELEMENT_THREADS, rows};
  kernels.run("rope", groups, ELEMENT_THREADS, x, rotations, RopeParameters{heads, head_dim});
  for (uint32_t row = 0; row < rows; row++) {
    for (uint32_t i = 0; i < heads * half; i++) {
      const size_t at = (size_t{row} * heads + i / half) * head_dim + i % half;
      const float c = rotations[(size_t{row} * half + i % half) * 2];
      const float s = rotations[(size_t{row} * half + i % half) * 2 + 1];
      const float first = before[at], second = before[at + half];
      CHECK(x[at] == sum(product(first, c), -product(second, s)) &&
                x[at + half] == sum(product(second, c), product(first, s)),
            "row %u, pair %u of heads of %u: (%.9g, %.9g) of (%.9g, %.9g)", row, i, head_dim, double(x[at]),
            double(x[at + half]), double(first), double(second));
    }
  }
}

void check_all() {
  Kernels kernels({"rope.metal"});
  Random random(3);
  for (const uint32_t head_dim : {2u, 6u, 34u, 64u, 80u, 128u, 512u}) {
    check_rope(kernels, 1, 1, head_dim, random);
    check_rope(kernels, 3, 9, head_dim, random);
  }
}

} // namespace

int main() { return in_each_order(check_all); }
