// The fastest arithmetic that an instruction set has, on registers alone; peak.cpp times it.
#pragma once

#include <stdint.h>

namespace cider {

struct PeakKernels {
  const char *isa; // as in cider_list_isas

  // Each does `rounds` rounds of independent operations and returns their number; a product and a sum count as two.
  uint64_t (*int8)(uint64_t rounds); // products of bytes that are summed in at least 16 bits
  uint64_t (*f32)(uint64_t rounds);
  uint64_t (*bf16)(uint64_t rounds); // products of bf16 that are summed in f32
  bool (*has_bf16)();                // whether this machine has an instruction for them
};

// Sums that are computed side by side, enough to hide the latency of the instructions.
constexpr int peak_chains = 16;

// Each is defined in the file of its instruction set.
extern const PeakKernels peak_kernels_generic;
#if defined(__x86_64__)
extern const PeakKernels peak_kernels_avx2;
extern const PeakKernels peak_kernels_avx512vnni;
extern const PeakKernels peak_kernels_amx;
#elif defined(__aarch64__)
extern const PeakKernels peak_kernels_neon_dotprod;
extern const PeakKernels peak_kernels_neon_i8mm;
#endif

} // namespace cider
