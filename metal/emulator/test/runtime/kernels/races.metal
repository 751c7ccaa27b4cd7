// Lanes that share memory, with and without the barrier that it takes.
#include <metal_stdlib>
using namespace metal;

kernel void with_barrier(device uint *out [[buffer(0)]], uint index [[thread_index_in_threadgroup]],
                         uint position [[thread_position_in_grid]]) {
  threadgroup uint shared[64];
  for (uint i = 0; i < 3; i++) {
    shared[index] = index + i;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    out[position] = shared[63 - index];
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
}

kernel void without_barrier(device uint *out [[buffer(0)]], uint index [[thread_index_in_threadgroup]]) {
  threadgroup uint shared[64];
  shared[index] = index;
  out[index] = shared[63 - index];
}

// The second turn writes while others still read.
kernel void one_barrier_short(device uint *out [[buffer(0)]], uint index [[thread_index_in_threadgroup]]) {
  threadgroup uint shared[64];
  for (uint i = 0; i < 2; i++) {
    shared[index] = index + i;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    out[index] = shared[63 - index];
  }
}

// The same for any number of lanes.
kernel void shared_again(device uint *out [[buffer(0)]], uint index [[thread_index_in_threadgroup]],
                         uint count [[threads_per_threadgroup]]) {
  threadgroup uint shared[1024];
  for (uint i = 0; i < 3; i++) {
    shared[index] = index + i;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    out[index] = shared[(index + count / 2) % count];
  }
}

kernel void barrier_without_memory(device uint *out [[buffer(0)]], uint index [[thread_index_in_threadgroup]]) {
  threadgroup uint shared[64];
  shared[index] = index;
  threadgroup_barrier(mem_flags::mem_none);
  out[index] = shared[63 - index];
}

// Orders the lanes of a simdgroup only.
kernel void narrow_barrier(device uint *out [[buffer(0)]], uint index [[thread_index_in_threadgroup]]) {
  threadgroup uint shared[64];
  shared[index] = index;
  simdgroup_barrier(mem_flags::mem_threadgroup);
  out[index] = shared[63 - index];
}

kernel void within_simdgroup(device uint *out [[buffer(0)]], uint index [[thread_index_in_threadgroup]]) {
  threadgroup uint shared[64];
  shared[index] = index;
  simdgroup_barrier(mem_flags::mem_threadgroup);
  out[index] = shared[index ^ 31];
}

// No barrier orders threadgroups.
kernel void across_threadgroups(device uint *out [[buffer(0)]], uint index [[thread_index_in_threadgroup]],
                                uint group [[threadgroup_position_in_grid]]) {
  threadgroup_barrier(mem_flags::mem_device);
  if (index == 0) out[0] = group;
  threadgroup_barrier(mem_flags::mem_device);
}
