// Operations on each element by itself.
#include "soft-cap.h"
#include "parameters.h"

// A sum of 32 bits would start again at 0 behind the last element of a full grid.
inline ulong element_of(uint group, uint index) { return ulong(group) * ELEMENT_THREADS + index; }

// x · sigmoid(argument). Where the exponential is infinite, the exact result is no larger than |x| · 2^-128.
inline float gated(float x, float argument) { return x / (1.0f + precise::exp(-argument)); }

kernel void silu_mul(device float *out [[buffer(0)]], device const float *a [[buffer(1)]],
                     device const float *b [[buffer(2)]], constant ElementwiseParameters &parameters [[buffer(3)]],
                     uint group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  const ulong i = element_of(group, index);
  if (i >= parameters.count) return;
  out[i] = gated(a[i], a[i]) * b[i];
}

// gelu by its tanh approximation: (1 + tanh u) / 2 is sigmoid(2u), with u = sqrt(2 / pi) · (x + 0.044715 · x³).
kernel void gelu_tanh_mul(device float *out [[buffer(0)]], device const float *a [[buffer(1)]],
                          device const float *b [[buffer(2)]], constant ElementwiseParameters &parameters [[buffer(3)]],
                          uint group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  const ulong i = element_of(group, index);
  if (i >= parameters.count) return;
  const float x = a[i];
  const float argument = x * fma(x * x, 0.0713548162726f, 1.5957691216057308f);
  out[i] = gated(x, argument) * b[i];
}

kernel void add(device float *out [[buffer(0)]], device const float *a [[buffer(1)]],
                device const float *b [[buffer(2)]], constant ElementwiseParameters &parameters [[buffer(3)]],
                uint group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  const ulong i = element_of(group, index);
  if (i >= parameters.count) return;
  out[i] = a[i] + b[i];
}

kernel void soft_cap(device float *x [[buffer(0)]], constant ElementwiseParameters &parameters [[buffer(1)]],
                     uint group [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]]) {
  const ulong i = element_of(group, index);
  if (i >= parameters.count) return;
  x[i] = soft_capped(x[i], parameters.cap);
}
