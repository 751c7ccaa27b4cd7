// Activations in the order in which the kernels of a float product read them.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "float-kernels.h"
#include "sizes.h"

namespace cider {

class ThreadPool;

struct Range {
  uint32_t begin, end;
};

// Rows of activations in tiles of nearly equal numbers of rows, each [K, rows of the tile].
struct PackedRows {
  const float *values;
  uint32_t rows, tiles;
  uint32_t k;
};
static inline uint32_t tile_count(const FloatKernels &kernels, uint32_t rows) {
  return divide_up(rows, kernels.tile_rows);
}
static inline uint32_t first_row(const PackedRows &x, uint32_t tile) {
  return static_cast<uint32_t>(uint64_t{x.rows} * tile / x.tiles);
}

// The tiles of a block, if there are so many blocks of nearly equal size.
static inline Range tiles_of_block(const PackedRows &x, uint32_t block, uint32_t blocks) {
  return {static_cast<uint32_t>(uint64_t{x.tiles} * block / blocks),
          static_cast<uint32_t>(uint64_t{x.tiles} * (block + 1) / blocks)};
}

// Rows that are packed at a time, so that they fit into a cache shared by all threads: at least one block of tiles.
uint32_t rows_per_chunk(const FloatKernels &kernels, uint32_t k);
// Tiles that a thread multiplies by one panel after the other, so that they stay in its own cache.
constexpr uint32_t TILES_PER_BLOCK = 16;

// Packs x [rows, K] into values [rows, K].
PackedRows pack_rows(const FloatKernels &kernels, ThreadPool &pool, const float *x, uint32_t rows, uint32_t k,
                     float *values);

} // namespace cider
