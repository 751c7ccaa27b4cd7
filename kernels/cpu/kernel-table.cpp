#include "kernel-table.h"

#include "cpu-features.h"

#include <pthread.h>
#include <string.h>

namespace cider {

namespace {

Kernels runnable[4]; // [count], best first
uint32_t runnable_count = 0;
pthread_once_t fill_once = PTHREAD_ONCE_INIT;

void fill() {
  [[maybe_unused]] const CpuFeatures cpu = detect_cpu_features();
#if defined(__x86_64__)
  const bool avx2 = cpu.avx2 && cpu.fma && cpu.f16c;
  const bool avx512 = avx2 && cpu.avx512f && cpu.avx512bw && cpu.avx512vl && cpu.avx512dq;
  if (avx512 && cpu.avx512_vnni && cpu.gfni && cpu.amx_int8 && cpu.amx_bf16 && cpu.avx512_bf16) {
    runnable[runnable_count++] = {"amx", integer_kernels_amx(), float_kernels_amx(), quantize_kernels_avx512(),
                                  double_kernels_avx512()};
  }
  if (avx512 && cpu.avx512_vnni) {
    runnable[runnable_count++] = {"avx512vnni", integer_kernels_avx512vnni(), float_kernels_avx512(),
                                  quantize_kernels_avx512(), double_kernels_avx512()};
  }
  if (avx2) {
    runnable[runnable_count++] = {"avx2", integer_kernels_avx2(), float_kernels_avx2(), quantize_kernels_avx2(),
                                  double_kernels_avx2()};
  }
#elif defined(__aarch64__)
  const bool dotprod = cpu.fp16 && cpu.dotprod;
  if (dotprod && cpu.i8mm) {
    runnable[runnable_count++] = {"neon-i8mm", integer_kernels_neon_i8mm(), float_kernels_neon(),
                                  quantize_kernels_neon(), double_kernels_neon()};
  }
  if (dotprod) {
    runnable[runnable_count++] = {"neon-dotprod", integer_kernels_neon_dotprod(), float_kernels_neon(),
                                  quantize_kernels_neon(), double_kernels_neon()};
  }
#endif
  runnable[runnable_count++] = {"generic", integer_kernels_generic(), float_kernels_generic(),
                                quantize_kernels_generic(), double_kernels_generic()};
}

} // namespace

KernelList runnable_kernels() {
  pthread_once(&fill_once, fill);
  return {runnable, runnable_count};
}

const Kernels *select_kernels(const char *isa) {
  const KernelList list = runnable_kernels();
  if (isa == nullptr) return list.items;
  for (uint32_t i = 0; i < list.count; i++) {
    if (strcmp(list.items[i].isa, isa) == 0) return &list.items[i];
  }
  return nullptr;
}

} // namespace cider
