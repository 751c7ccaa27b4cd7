// The tile of the output that a threadgroup of an integer product computes, and its threads: by library, for many rows
// of activations and for few, by channel (raw sums too) and by group. Kernels and host read the same table.
#pragma once

// Up to so many rows take the small tile.
#define SMALL_TILE_ROWS 64

#define FRAGMENTS_LARGE_M 128
#define FRAGMENTS_LARGE_N 128
#define FRAGMENTS_LARGE_THREADS 512
#define FRAGMENTS_SMALL_M 32
#define FRAGMENTS_SMALL_N 128
#define FRAGMENTS_SMALL_THREADS 128

// Totals of groups are kept beside the sums of the group that is being multiplied: half as many fit.
#define TENSORS_LARGE_M 64
#define TENSORS_LARGE_N 128
#define TENSORS_GROUP_LARGE_M 64
#define TENSORS_GROUP_LARGE_N 64
#define TENSORS_SMALL_M 64
#define TENSORS_SMALL_N 32
#define TENSORS_THREADS 128

#define PLAIN_LARGE_M 64
#define PLAIN_LARGE_N 64
#define PLAIN_SMALL_M 16
#define PLAIN_SMALL_N 64
#define PLAIN_THREADS 256

#ifndef __METAL_VERSION__

#include <stdint.h>

struct IntegerTile {
  uint32_t m, n, threads;
};

struct IntegerTiles {
  IntegerTile large, small, group_large, group_small;
};

constexpr IntegerTiles FRAGMENTS_TILES = {
    {FRAGMENTS_LARGE_M, FRAGMENTS_LARGE_N, FRAGMENTS_LARGE_THREADS},
    {FRAGMENTS_SMALL_M, FRAGMENTS_SMALL_N, FRAGMENTS_SMALL_THREADS},
    {FRAGMENTS_LARGE_M, FRAGMENTS_LARGE_N, FRAGMENTS_LARGE_THREADS},
    {FRAGMENTS_SMALL_M, FRAGMENTS_SMALL_N, FRAGMENTS_SMALL_THREADS},
};

// Of library `int4` as well.
constexpr IntegerTiles TENSORS_TILES = {
    {TENSORS_LARGE_M, TENSORS_LARGE_N, TENSORS_THREADS},
    {TENSORS_SMALL_M, TENSORS_SMALL_N, TENSORS_THREADS},
    {TENSORS_GROUP_LARGE_M, TENSORS_GROUP_LARGE_N, TENSORS_THREADS},
    {TENSORS_SMALL_M, TENSORS_SMALL_N, TENSORS_THREADS},
};

constexpr IntegerTiles PLAIN_TILES = {
    {PLAIN_LARGE_M, PLAIN_LARGE_N, PLAIN_THREADS},
    {PLAIN_SMALL_M, PLAIN_SMALL_N, PLAIN_THREADS},
    {PLAIN_LARGE_M, PLAIN_LARGE_N, PLAIN_THREADS},
    {PLAIN_SMALL_M, PLAIN_SMALL_N, PLAIN_THREADS},
};

// How many rows of tiles are walked together, as the logarithm of a power of two.
constexpr uint32_t swizzle_log(uint32_t tiles_m) { return tiles_m <= 3 ? 0 : tiles_m <= 6 ? 1 : 2; }

// Threadgroups to dispatch, those without a tile included.
constexpr uint64_t padded_tiles(uint32_t tiles_m, uint32_t tiles_n, uint32_t log) {
  return ((uint64_t{tiles_m} + (1u << log) - 1) >> log << log) * tiles_n;
}

#endif
