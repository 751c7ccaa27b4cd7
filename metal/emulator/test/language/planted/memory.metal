// Kernels with a bug each, and what is said of it.
#include <metal_stdlib>
using namespace metal;

struct Sizes {
  uint m, n, k;
};

kernel void unaligned_float4(device char *bytes [[buffer(0)]]) {
  // diagnosed: is not aligned to 16 bytes
  bytes[0] = char(reinterpret_cast<device float4 *>(bytes + 4)->x);
}

kernel void unaligned_half4(device char *bytes [[buffer(0)]]) {
  // diagnosed: is not aligned to 8 bytes
  const half4 loaded = *reinterpret_cast<device half4 *>(bytes + 4);
  bytes[0] = char(loaded.w);
}

kernel void unaligned_char4(device char *bytes [[buffer(0)]]) {
  // diagnosed: is not aligned to 4 bytes
  reinterpret_cast<device char4 *>(bytes + 2)[1] = char4(1);
}

kernel void unaligned_word(device char *bytes [[buffer(0)]]) {
  // diagnosed: is not aligned to 4 bytes
  bytes[0] = char(*reinterpret_cast<device uint *>(bytes + 1));
}

kernel void beyond_a_threadgroup_array(device uint *words [[buffer(0)]], uint lane [[thread_index_in_simdgroup]]) {
  threadgroup uint shared[16];
  if (lane == 0) shared[0] = 1;
  // diagnosed: index 16 is out of bounds
  words[lane % 16] = shared[lane];
}

kernel void beyond_a_vector(device uint *words [[buffer(0)]], uint lane [[thread_index_in_simdgroup]]) {
  const uint4 vector(1, 2, 3, 4);
  // diagnosed: element 4 of a vector of 4
  words[0] = vector[lane];
}

kernel void short_parameters(device uint *words [[buffer(0)]], constant Sizes &sizes [[buffer(1)]]) {
  // diagnosed: buffer 1 has 8 bytes, the kernel's parameter 12
  words[0] = sizes.m;
}

kernel void no_threadgroup_memory(device uint *words [[buffer(0)]], threadgroup uint *shared [[threadgroup(0)]]) {
  // diagnosed: threadgroup memory 0 has no length
  words[0] = shared == nullptr;
}

kernel void shuffle_from_nobody(device uint *words [[buffer(0)]], uint lane [[thread_index_in_simdgroup]]) {
  // diagnosed: shuffles from lane 8, which is not active
  if (lane < 8) words[0] = simd_shuffle(lane, 8);
}
