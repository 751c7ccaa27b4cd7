// Step 1: a thread has one output and reads one code at a time.

#include <metal_stdlib>

using namespace metal;

struct Sizes {
  uint m, n, k;
  uint x_stride, weight_stride; // bytes between rows
};

#define TILE 16 // rows and columns of outputs that a threadgroup has
#define THREADS (TILE * TILE)

[[kernel, max_total_threads_per_threadgroup(THREADS)]] void
gemm(device const int8_t *x [[buffer(0)]], device const int8_t *weight [[buffer(1)]], device int *out [[buffer(2)]],
     constant Sizes &sizes [[buffer(3)]], uint2 tile [[threadgroup_position_in_grid]],
     uint thread_index [[thread_index_in_threadgroup]]) {
  const uint row = tile.y * TILE + thread_index / TILE;
  const uint column = tile.x * TILE + thread_index % TILE;
  if (row >= sizes.m || column >= sizes.n) return;

  device const int8_t *x_row = x + ulong(row) * sizes.x_stride;
  device const int8_t *weight_row = weight + ulong(column) * sizes.weight_stride;
  int sum = 0;
  for (uint k = 0; k < sizes.k; k++) sum += x_row[k] * weight_row[k];
  out[ulong(row) * sizes.n + column] = sum;
}
