// Step 2: a thread has four outputs of a row and reads words of four codes.

#include <metal_stdlib>

using namespace metal;

struct Sizes {
  uint m, n, k;
  uint x_stride, weight_stride; // bytes between rows
};

#define TILE_M 16
#define TILE_N 64
#define COLUMNS 4 // of a thread
#define THREADS (TILE_M * TILE_N / COLUMNS)

// Codes [k, k + 4) of a row; those from `end` on are zeros and are not read.
inline char4 word_before(device const int8_t *row, uint k, uint end) {
  if (k + 4 <= end) return char4(*reinterpret_cast<device const packed_char4 *>(row + k));
  char4 word = char4(0);
  for (uint i = 0; k + i < end; i++) word[i] = row[k + i];
  return word;
}

inline int sum_of_products(char4 a, char4 b) {
  const int4 products = int4(a) * int4(b);
  return products.x + products.y + products.z + products.w;
}

[[kernel, max_total_threads_per_threadgroup(THREADS)]] void
gemm(device const int8_t *x [[buffer(0)]], device const int8_t *weight [[buffer(1)]], device int *out [[buffer(2)]],
     constant Sizes &sizes [[buffer(3)]], uint2 tile [[threadgroup_position_in_grid]],
     uint thread_index [[thread_index_in_threadgroup]]) {
  const uint row = tile.y * TILE_M + thread_index / (TILE_N / COLUMNS);
  const uint first_column = tile.x * TILE_N + thread_index % (TILE_N / COLUMNS) * COLUMNS;
  if (row >= sizes.m) return;

  device const int8_t *x_row = x + ulong(row) * sizes.x_stride;
  device const int8_t *weight_rows[COLUMNS];
  int sums[COLUMNS];
  for (uint i = 0; i < COLUMNS; i++) {
    weight_rows[i] = weight + ulong(min(first_column + i, sizes.n - 1)) * sizes.weight_stride;
    sums[i] = 0;
  }
  for (uint k = 0; k < sizes.k; k += 4) {
    const char4 x_word = word_before(x_row, k, sizes.k);
    for (uint i = 0; i < COLUMNS; i++) sums[i] += sum_of_products(x_word, word_before(weight_rows[i], k, sizes.k));
  }
  for (uint i = 0; i < COLUMNS; i++) {
    if (first_column + i < sizes.n) out[ulong(row) * sizes.n + first_column + i] = sums[i];
  }
}
