// One row of float activations with integer weights, against doubles.
#include "integer-vector.h"

#include <math.h>

namespace cider::test {
namespace {

constexpr uint32_t FEATURES[] = {1, 2, 7, 33, 127, 129, 255, 256, 257, 513, 576, 896, 1025, 4097};
constexpr uint32_t OUTPUTS[] = {1, 3, 7, 8, 9, 33};
constexpr uint32_t GROUP_SIZES[] = {0, 32, 64, 128, 256, 100, 7, 1, 24};

void all() {
  Kernels kernels({"integer-mv.metal"});
  uint64_t seed = 1;
  for (const uint32_t bits : {8u, 4u}) {
    for (const uint32_t k : FEATURES) {
      for (const uint32_t group_size : GROUP_SIZES) {
        const VectorShape shape = {OUTPUTS[seed % 6], k, bits, group_size, static_cast<uint32_t>(seed % 5)};
        check_vector(kernels, seed++, shape, k, 0.0f);
      }
    }
    for (const uint32_t group_size : {0u, 128u, 100u}) {
      for (const uint32_t at : {0u, 255u, 256u, 599u}) {
        for (const float value : {NAN, INFINITY, -INFINITY}) {
          check_vector(kernels, seed++, {9, 600, bits, group_size, 0}, at, value);
        }
      }
    }
  }
}

} // namespace
} // namespace cider::test

int main() { return cider::test::in_each_order(cider::test::all); }
