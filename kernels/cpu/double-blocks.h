// Blocks of f64 matrices in the order in which the kernels read them, and products of them.
#pragma once

#include "double-kernels.h"

namespace cider {

class ThreadPool;

// Where element [lane, k] of a block is: lane · lane + k · depth numbers from its first one.
struct Strides {
  ptrdiff_t lane, depth;
};

// out [depth, width], the transpose of factor · source [lanes, depth]; lanes beyond those that there are become 0.
void gather(const double *source, Strides strides, uint32_t lanes, uint32_t width, uint32_t depth, double factor,
            double *out);

// The opposite: target [lanes, depth] becomes the transpose of panel [depth, width].
void scatter(const double *panel, uint32_t width, uint32_t lanes, uint32_t depth, double *target, Strides strides);

// c [rows, columns] += factor · a [rows, depth] · b [depth, columns].
struct BlockProduct {
  double *c;
  size_t c_stride;
  uint32_t rows, columns;
  bool is_upper; // what is below the diagonal of c need not be computed, and may become anything
  double factor;
  const double *a;
  Strides a_strides;
  const double *panels; // of b, one after the other, each [depth, panel]
  uint32_t depth;
  double *scratch; // block_scratch_doubles for each thread
};
void multiply_blocks(const DoubleKernels &kernels, ThreadPool &pool, const BlockProduct &product);

// Numbers that a thread needs to multiply blocks up to this depth.
size_t block_scratch_doubles(const DoubleKernels &kernels, uint32_t depth);

} // namespace cider
