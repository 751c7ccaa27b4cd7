// Accesses that a GPU would not have caught.
#include <metal_stdlib>
using namespace metal;

kernel void write_at(device uint *out [[buffer(0)]], device const int *where [[buffer(1)]]) {
  out[where[0]] = 7;
}

kernel void read_at(device uint *out [[buffer(0)]], device const int *where [[buffer(1)]]) {
  out[0] = out[where[0]];
}

kernel void threadgroup_overrun(device uint *out [[buffer(0)]], uint index [[thread_index_in_threadgroup]]) {
  threadgroup uint shared[8];
  shared[index] = index;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  out[0] = shared[0];
}

kernel void argument_overrun(device uint *out [[buffer(0)]], threadgroup uint *shared [[threadgroup(0)]],
                             uint index [[thread_index_in_threadgroup]]) {
  shared[index] = index;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  out[0] = shared[0];
}

kernel void uninitialised(device uint *out [[buffer(0)]], threadgroup uint *argument [[threadgroup(0)]]) {
  threadgroup uint variable[4];
  out[0] = variable[1];
  out[1] = argument[1];
}

// 40 KiB.
kernel void too_much(device uint *out [[buffer(0)]], uint index [[thread_index_in_threadgroup]]) {
  threadgroup uint some[4096];
  threadgroup uint more[6144];
  some[index] = more[index] = index;
  out[index] = some[index];
}

kernel void misaligned(device uint *out [[buffer(0)]], device const char *bytes [[buffer(1)]]) {
  out[0] = *(device const uint *)(bytes + 1);
}

kernel void overflow(device int *out [[buffer(0)]]) {
  out[0] = 0x7fffffff;
  out[0] += 1;
}
