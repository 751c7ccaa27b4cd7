// Subnormal floats become zero while kernels run, as on the GPU: inputs and results of arithmetic alike.
#pragma once

#include <immintrin.h>

#include "environment.h"

namespace emulator {

class KernelFloatMode {
public:
  KernelFloatMode() : outside_(_mm_getcsr()) {
    constexpr unsigned flush_to_zero = 0x8000, denormals_are_zero = 0x0040;
    if (environment().flush_subnormals) _mm_setcsr(outside_ | flush_to_zero | denormals_are_zero);
  }
  ~KernelFloatMode() { _mm_setcsr(outside_); }
  KernelFloatMode(const KernelFloatMode &) = delete;

private:
  unsigned outside_;
};

} // namespace emulator
