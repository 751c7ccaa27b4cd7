// What kernels share that give a row to each threadgroup of ROW_THREADS threads.
#pragma once

#include "common.h"
#include "parameters.h"

constant constexpr uint ROW_SIMDGROUPS = ROW_THREADS / 32;

// Where a thread is.
struct RowThread {
  uint index; // in the threadgroup
  uint lane;  // in its simdgroup
  uint simdgroup;
};

// Reductions over all threads, which all call them and all get the result. `parts` has an element for each simdgroup;
// the first barrier is for threads that still read what an earlier reduction left there.
inline float row_sum(float value, threadgroup float *parts, RowThread self) {
  const float part = simd_sum(value);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (self.lane == 0) parts[self.simdgroup] = part;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  float sum = parts[0];
  for (uint i = 1; i < ROW_SIMDGROUPS; i++) sum += parts[i];
  return sum;
}

inline int row_max(int value, threadgroup int *parts, RowThread self) {
  const int part = simd_max(value);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (self.lane == 0) parts[self.simdgroup] = part;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  int largest = parts[0];
  for (uint i = 1; i < ROW_SIMDGROUPS; i++) largest = max(largest, parts[i]);
  return largest;
}

inline uint row_min(uint value, threadgroup uint *parts, RowThread self) {
  const uint part = simd_min(value);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (self.lane == 0) parts[self.simdgroup] = part;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  uint smallest = parts[0];
  for (uint i = 1; i < ROW_SIMDGROUPS; i++) smallest = min(smallest, parts[i]);
  return smallest;
}

// Integers in the order of the floats. A comparison of floats would take subnormal numbers for zeros. NaN comes before
// all others, and both zeros are the same.
inline int order_of(float value) {
  const uint bits = as_type<uint>(value);
  const int magnitude = int(bits & 0x7fffffff);
  if (magnitude > 0x7f800000) return -0x7f800001;
  return bits >> 31 == 0 ? magnitude : -magnitude;
}

// The float of an order; NaN of that of NaN.
inline float float_of(int order) {
  return order < 0 ? as_type<float>(uint(-order) | 0x80000000u) : as_type<float>(uint(order));
}
