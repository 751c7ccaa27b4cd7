#include "packed-rows.h"

#include <string.h>

#include "float-split.h"
#include "thread-pool.h"

namespace cider {
namespace {

// Floats of activations that are packed at a time.
constexpr size_t CHUNK_FLOATS = size_t{1} << 22;

// Tiles of a block for vectors.
constexpr uint32_t TILES_PER_BLOCK = 16;

using Quad = float __attribute__((ext_vector_type(4)));

inline Quad load_quad(const float *source) {
  Quad quad;
  memcpy(&quad, source, sizeof quad);
  return quad;
}

// Four rows of x, `stride` floats from row to row -> four columns of tile [depth, rows]. Baseline vectors do.
void pack_four(const float *x, size_t stride, size_t depth, float *tile, size_t rows) {
  size_t k = 0;
  for (; k + 4 <= depth; k += 4) {
    const Quad a = load_quad(x + k);
    const Quad b = load_quad(x + stride + k);
    const Quad c = load_quad(x + stride * 2 + k);
    const Quad d = load_quad(x + stride * 3 + k);
    const Quad ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const Quad ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const Quad cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const Quad cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    const Quad columns[4] = {
        __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5), __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
        __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5), __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
    for (uint32_t j = 0; j < 4; j++) memcpy(tile + (k + j) * rows, &columns[j], sizeof columns[j]);
  }
  for (; k < depth; k++) {
    for (uint32_t j = 0; j < 4; j++) tile[k * rows + j] = x[stride * j + k];
  }
}

// x [rows, K] -> tile [K, rows], in parts of the tile that fit into a first-level cache.
void pack_tile(const float *x, size_t rows, size_t k, void *tile) {
  constexpr size_t part = 128;
  for (size_t from = 0; from < k; from += part) {
    const size_t depth = least(part, k - from);
    float *target = static_cast<float *>(tile) + from * rows;
    size_t i = 0;
    for (; i + 4 <= rows; i += 4) pack_four(x + i * k + from, k, depth, target + i, rows);
    for (; i < rows; i++) {
      for (size_t at = 0; at < depth; at++) target[at * rows + i] = x[i * k + from + at];
    }
  }
}

// Whether products go through matrix units. Weights of f32 have more bits than two bf16. Others than bf16 have to be
// split, for which a few rows do not make up; of codes that share a byte groups must begin with an even k.
bool is_split(const FloatKernels &kernels, const FloatShape &shape, uint32_t rows) {
  constexpr uint32_t few_rows = 32;
  if (kernels.split == nullptr || shape.format == FloatFormat::f32) return false;
  return shape.format == FloatFormat::bf16 || (rows > few_rows && shape.group_size % 2 == 0);
}

} // namespace

RowLayout row_layout(const FloatKernels &kernels, const FloatShape &shape, uint32_t rows) {
  if (!is_split(kernels, shape, rows)) return {false, kernels.tile_rows, TILES_PER_BLOCK, shape.k, shape.k, pack_tile};
  const SplitKernels &split = *kernels.split;
  const uint32_t padded_k = divide_up(shape.k, SPLIT_DEPTH) * SPLIT_DEPTH;
  return {true, split.tile_rows, SPLIT_TILES_PER_BLOCK, shape.k, padded_k, split.pack_tile};
}

uint32_t rows_per_chunk(const RowLayout &layout) {
  const uint32_t block = layout.block_rows();
  const size_t rows = CHUNK_FLOATS / layout.padded_k;
  return rows < block ? block : static_cast<uint32_t>(rows - rows % block);
}

PackedRows pack_rows(const RowLayout &layout, ThreadPool &pool, const float *x, uint32_t rows, float *values) {
  const PackedRows packed = {layout.is_split, values, rows, divide_up(rows, layout.tile_rows), layout.padded_k};
  parallel(pool, packed.tiles, [&](uint32_t tile, uint32_t) {
    const uint32_t begin = first_row(packed, tile);
    const uint32_t count = first_row(packed, tile + 1) - begin;
    layout.pack_tile(x + size_t{begin} * layout.k, count, layout.k, values + size_t{begin} * layout.padded_k);
  });
  return packed;
}

} // namespace cider
