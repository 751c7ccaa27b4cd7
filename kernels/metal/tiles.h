// Which tile of the output is whose.
#pragma once

#include "common.h"
#include "parameters.h"

struct Tile {
  uint first_m, first_n;
  bool exists;
};

// Strips of 2^swizzle_log rows of tiles follow one another; within a strip, tiles of a column do, so that threadgroups
// which run at the same time read the same weights. The last strip may have rows that the output has not. Nothing
// overflows: a strip has no more tiles than the grid has threadgroups, and what exists is smaller than m and n.
inline Tile swizzled_tile(uint index, constant IntegerGemmParameters &p, uint tile_m, uint tile_n) {
  const uint strip_tiles = p.tiles_n << p.swizzle_log;
  const uint in_strip = index % strip_tiles;
  const uint row = (index / strip_tiles << p.swizzle_log) + (in_strip & ((1u << p.swizzle_log) - 1));
  return {row * tile_m, (in_strip >> p.swizzle_log) * tile_n, row < p.tiles_m};
}
