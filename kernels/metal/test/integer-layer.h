// Integer layers with random contents, run by the kernels of a library and compared bit by bit with docs/numerics.md.
#pragma once

#include "edge-memory.h"
#include "../../cpu/integer-reference.h"

#include "../parameters.h"
#include "../tile-table.h"

namespace cider::test {

// A library of integer products.
struct Products {
  const char *name, *file;
  unsigned long language;
  const IntegerTiles *tiles;
  bool has_int8;        // else int4 alone
  bool takes_any_scale; // by group; else none below 2^-60
};

extern const Products FRAGMENTS, TENSORS, PLAIN, NATIVE_INT4;

// What activations and codes are like. MIXED: some rows are zero, subnormal, tiny, huge, or hold a NaN or an infinity.
// EXTREME: all codes are as large as they can be. TINY: scales so small that outputs are subnormal, and subnormal
// scales.
enum class Values { RANDOM, EXTREME, MIXED, TINY };

struct LayerShape {
  uint32_t m, n, k;
  uint32_t bits, group_size; // 0: a scale a channel
  Values values;
  uint32_t row_padding = 0; // bytes behind each row of weights
};

// Large or small tile, whichever the host would take if `tile` is AUTO.
enum class TileSize { AUTO, LARGE, SMALL };

void check_layer(Kernels &kernels, const Products &products, uint64_t seed, const LayerShape &shape,
                 TileSize size = TileSize::AUTO);

// Raw sums of codes from -128 to 127.
void check_sums(Kernels &kernels, const Products &products, uint64_t seed, uint32_t m, uint32_t n, uint32_t k,
                bool extreme, TileSize size = TileSize::AUTO);

// Rows of weights so far apart that their offsets do not fit into 32 bits, in memory that is mostly not there.
void check_far_weights(Kernels &kernels, const Products &products);

} // namespace cider::test
