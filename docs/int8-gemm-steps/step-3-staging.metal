// Step 3: a threadgroup copies what its threads share into threadgroup memory, 64 codes of each row at a time.

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
#define DEPTH 64 // codes of a row that are staged at a time
#define ROW_WORDS (DEPTH / 4)

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

// Copies codes [k, k + DEPTH) of `count` rows, the last one instead of those that do not exist.
inline void stage(threadgroup char4 *words, device const int8_t *codes, uint first, uint count, uint rows, uint stride,
                  uint k, uint end, uint thread_index) {
  for (uint i = thread_index; i < count * ROW_WORDS; i += THREADS) {
    const uint row = min(first + i / ROW_WORDS, rows - 1);
    words[i] = word_before(codes + ulong(row) * stride, k + i % ROW_WORDS * 4, end);
  }
}

[[kernel, max_total_threads_per_threadgroup(THREADS)]] void
gemm(device const int8_t *x [[buffer(0)]], device const int8_t *weight [[buffer(1)]], device int *out [[buffer(2)]],
     constant Sizes &sizes [[buffer(3)]], uint2 tile [[threadgroup_position_in_grid]],
     uint thread_index [[thread_index_in_threadgroup]]) {
  threadgroup char4 x_words[TILE_M * ROW_WORDS];
  threadgroup char4 weight_words[TILE_N * ROW_WORDS];
  const uint row_in_tile = thread_index / (TILE_N / COLUMNS);
  const uint column_in_tile = thread_index % (TILE_N / COLUMNS) * COLUMNS;

  int sums[COLUMNS] = {0, 0, 0, 0};
  for (uint k = 0; k < sizes.k; k += DEPTH) {
    threadgroup_barrier(mem_flags::mem_threadgroup); // the last words have been read
    stage(x_words, x, tile.y * TILE_M, TILE_M, sizes.m, sizes.x_stride, k, sizes.k, thread_index);
    stage(weight_words, weight, tile.x * TILE_N, TILE_N, sizes.n, sizes.weight_stride, k, sizes.k, thread_index);
    threadgroup_barrier(mem_flags::mem_threadgroup); // the words are there
    for (uint i = 0; i < COLUMNS; i++) {
      for (uint word = 0; word < ROW_WORDS; word++) {
        sums[i] += sum_of_products(x_words[row_in_tile * ROW_WORDS + word],
                                   weight_words[(column_in_tile + i) * ROW_WORDS + word]);
      }
    }
  }

  const uint row = tile.y * TILE_M + row_in_tile;
  const uint first_column = tile.x * TILE_N + column_in_tile;
  for (uint i = 0; i < COLUMNS; i++) {
    if (row < sizes.m && first_column + i < sizes.n) out[ulong(row) * sizes.n + first_column + i] = sums[i];
  }
}
