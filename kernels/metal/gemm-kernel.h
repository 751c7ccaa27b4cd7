// The entry points of integer products, all with the arguments of IntegerGemmParameters; what follows a kernel's
// threads is what it does.
#pragma once

#include "common.h"
#include "parameters.h"

#define GEMM_PLACE                                                                                                     \
  constant IntegerGemmParameters &p [[buffer(6)]], uint threadgroup_index [[threadgroup_position_in_grid]],            \
      uint simdgroup [[simdgroup_index_in_threadgroup]], uint lane [[thread_index_in_simdgroup]]

// Tensors want elements that are not const, so codes are not.
#define RAW_KERNEL(NAME, THREADS, ...)                                                                                 \
  [[kernel, max_total_threads_per_threadgroup(THREADS)]] void NAME(device int8_t *x [[buffer(0)]],                     \
                                                                   device int8_t *weight [[buffer(1)]],                \
                                                                   device int *out [[buffer(2)]], GEMM_PLACE) {        \
    __VA_ARGS__                                                                                                        \
  }

#define SCALED_KERNEL(NAME, THREADS, ...)                                                                              \
  [[kernel, max_total_threads_per_threadgroup(THREADS)]] void NAME(                                                    \
      device int8_t *x [[buffer(0)]], device int8_t *weight [[buffer(1)]], device float *out [[buffer(2)]],            \
      device const float *x_scales [[buffer(3)]], device const float *weight_scales [[buffer(4)]],                     \
      device const float *bias [[buffer(5)]], GEMM_PLACE) {                                                            \
    __VA_ARGS__                                                                                                        \
  }
