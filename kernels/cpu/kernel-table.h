// The kernels of each instruction set, and which of them this machine runs.
#pragma once

#include <stdint.h>

namespace cider {

struct IntegerKernels;
struct FloatKernels;
struct AttentionKernels;
struct SplitKernels;
struct DoubleKernels;
struct QuantizeKernels;

struct Kernels {
  const char *isa; // as in cider_list_isas
  const IntegerKernels *integer;
  const FloatKernels *floats;
  const QuantizeKernels *quantize;
  const DoubleKernels *doubles;
};

// Those that this machine runs, best first; the last is always "generic".
struct KernelList {
  const Kernels *items; // [count]
  uint32_t count;
};
KernelList runnable_kernels();

// The best ones for null, else those of that name; null if this machine does not run them.
const Kernels *select_kernels(const char *isa);

// Each is defined in the file of its family and instruction set.
const IntegerKernels *integer_kernels_generic();
const FloatKernels *float_kernels_generic();
const QuantizeKernels *quantize_kernels_generic();
const DoubleKernels *double_kernels_generic();
#if defined(__x86_64__)
const IntegerKernels *integer_kernels_avx2();
const IntegerKernels *integer_kernels_avx512vnni();
const IntegerKernels *integer_kernels_amx();
const FloatKernels *float_kernels_avx2();
const FloatKernels *float_kernels_avx512();
const FloatKernels *float_kernels_amx();
const AttentionKernels *attention_kernels_amx();
const QuantizeKernels *quantize_kernels_avx2();
const QuantizeKernels *quantize_kernels_avx512();
const DoubleKernels *double_kernels_avx2();
const DoubleKernels *double_kernels_avx512();
#elif defined(__aarch64__)
const IntegerKernels *integer_kernels_neon_dotprod();
const IntegerKernels *integer_kernels_neon_i8mm();
const FloatKernels *float_kernels_neon();
const QuantizeKernels *quantize_kernels_neon();
const DoubleKernels *double_kernels_neon();
#endif

} // namespace cider
