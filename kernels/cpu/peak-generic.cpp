// What plain C++ reaches: loops that the compiler turns into vectors of its baseline.
#include "peak-kernels.h"

namespace cider {
namespace {

constexpr int elements = 256;

// Hides the operands from the compiler, which would compute the products once for all rounds otherwise.
template <typename Operands>
void renew(Operands &a, Operands &b) {
  __asm__ volatile("" : "+m"(a), "+m"(b));
}

// Bytes that were widened beforehand: vectors of a baseline hardly multiply bytes.
uint64_t multiply_int8(uint64_t rounds) {
  int16_t a[elements] = {}, b[elements] = {};
  int32_t sum = 0;
  for (uint64_t round = 0; round < rounds; round++) {
    renew(a, b);
    for (int i = 0; i < elements; i++) sum += a[i] * b[i];
  }
  __asm__ volatile("" : : "r"(sum));
  return rounds * elements * 2;
}

// A sum for each element, as sums of floats may not be reordered.
uint64_t multiply_f32(uint64_t rounds) {
  float a[elements] = {}, b[elements] = {}, sums[elements] = {};
  for (uint64_t round = 0; round < rounds; round++) {
    renew(a, b);
    for (int i = 0; i < elements; i++) sums[i] += a[i] * b[i];
  }
  __asm__ volatile("" : : "m"(sums));
  return rounds * elements * 2;
}

} // namespace

const PeakKernels peak_kernels_generic = {
    .isa = "generic",
    .int8 = multiply_int8,
    .f32 = multiply_f32,
    .bf16 = nullptr,
    .has_bf16 = [] { return false; },
};

} // namespace cider
