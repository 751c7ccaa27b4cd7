// What the processor and the operating system together allow.
#pragma once

#include <stdint.h>

namespace cider {

// An extension counts as present only if the operating system also saves its registers.
struct CpuFeatures {
#if defined(__x86_64__)
  bool avx2, fma, f16c, avx_vnni;
  bool avx512f, avx512bw, avx512vl, avx512dq, avx512_vnni, avx512_bf16;
  bool gfni;
  bool amx_int8, amx_bf16;
#elif defined(__aarch64__)
  bool fp16, dotprod, i8mm, bf16, sve;
#endif
};
CpuFeatures detect_cpu_features();

// Names of the features found, separated by spaces.
const char *cpu_feature_names();

} // namespace cider
