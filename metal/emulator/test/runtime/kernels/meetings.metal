// Where lanes meet, or do not. Each lane writes one word.
#include <metal_stdlib>
using namespace metal;

// The sum of the indices of the other half of the threadgroup's lanes, mirrored through threadgroup memory.
kernel void mirrored_sum(device uint *out [[buffer(0)]], uint position [[thread_position_in_grid]],
                         uint index [[thread_index_in_threadgroup]], uint count [[threads_per_threadgroup]]) {
  threadgroup uint shared[1024];
  shared[index] = index;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  out[position] = simd_sum(shared[count - 1 - index]);
}

kernel void early_return(device uint *out [[buffer(0)]], uint index [[thread_index_in_threadgroup]]) {
  if (index < 24) return;
  threadgroup_barrier(mem_flags::mem_device);
  out[index] = 1;
}

kernel void different_barriers(device uint *out [[buffer(0)]], uint index [[thread_index_in_threadgroup]]) {
  if (index < 32) {
    threadgroup_barrier(mem_flags::mem_device);
    out[index] = 1;
  } else {
    out[index] = 2;
    threadgroup_barrier(mem_flags::mem_device);
  }
}

kernel void divergent_simdgroup_barrier(device uint *out [[buffer(0)]], uint index [[thread_index_in_threadgroup]]) {
  if (index % 2 == 0) {
    simdgroup_barrier(mem_flags::mem_device);
    out[index] = 1;
  }
  threadgroup_barrier(mem_flags::mem_device);
}

kernel void barrier_in_uneven_loop(device uint *out [[buffer(0)]], uint index [[thread_index_in_threadgroup]]) {
  for (uint i = 0; i <= index / 32; i++) {
    out[index] += 1;
    threadgroup_barrier(mem_flags::mem_device);
  }
}

// Lanes that do not take part are inactive, which is legal; those that do come together again behind.
kernel void divergent_sum(device uint *out [[buffer(0)]], uint index [[thread_index_in_threadgroup]]) {
  uint sum = 0;
  if (index >= 16) sum = simd_sum(index);
  out[index] = sum + 1000 * simd_sum(1u);
}

// Lane i goes i % 4 + 1 times through the loop.
kernel void sum_in_uneven_loop(device uint *out [[buffer(0)]], uint index [[thread_index_in_threadgroup]]) {
  uint sum = 0;
  for (uint i = 0; i <= index % 4; i++) sum = sum * 100 + simd_sum(1u);
  out[index] = sum;
}
