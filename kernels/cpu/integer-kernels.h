// What an instruction set supplies for integer linear layers; integer-linear.h drives it.
//
// The product of activations x [M, K] and a weight [N, K] is cut into tiles of up to `max_rows` rows of x and panels of
// `panel_columns` outputs. A kernel multiplies one tile by some panels over all of K, from operands packed in the order
// in which it reads them:
//
//   panel, 8 bits  [K / block, panel_columns, block] bytes, code + offset
//   panel, 4 bits  [K / block / 2, panel_columns, block] bytes: code + offset of an even block in the low half, of the
//                  odd block after it in the high half
//   tile           whatever `pack_tile` of the instruction set writes
//
// Groups of K follow one another in both, each filled up with codes of 0 to a multiple of `step`.
//
// An offset serves instructions that multiply unsigned by signed bytes: Σ x·(w + offset) - offset·Σ x is Σ x·w. The
// second term is what accumulators start from (`starts`). Int32 wraps around, so that only the result has to fit.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel-table.h"

namespace cider {

// How the K codes of a row are split into groups with a scale of their own, before and after filling up.
struct KAxis {
  uint32_t k;
  uint32_t groups;
  uint32_t group_size;        // of each group but the last, which may be shorter; k if there is one group
  uint32_t padded_group_size; // multiples of `step`
  uint32_t padded_last_size;
};

// Static, as every file is compiled for its own instruction set.
static inline uint32_t group_size(const KAxis &axis, uint32_t group) {
  return group + 1 < axis.groups ? axis.group_size : axis.k - group * axis.group_size;
}
static inline uint32_t padded_group_size(const KAxis &axis, uint32_t group) {
  return group + 1 < axis.groups ? axis.padded_group_size : axis.padded_last_size;
}
static inline size_t padded_k(const KAxis &axis) {
  return size_t{axis.padded_group_size} * (axis.groups - 1) + axis.padded_last_size;
}

// Codes of `rows` rows of activations.
struct ActivationTile {
  void *codes;     // 64-byte aligned
  int32_t *starts; // [groups, rows]
  float *scales;   // [rows]
  uint32_t rows;   // 1 … max_rows
};

// Codes of panel_columns outputs.
struct WeightPanel {
  const uint8_t *codes; // 64-byte aligned
  const float *scales;  // [groups, panel_columns], 64-byte aligned
  const float *bias;    // [panel_columns], 64-byte aligned; -0 where a layer has none: y + -0 is y for every y
  // An address to prefetch for each block (of [panel_columns, block] bytes) read, as many bytes; it advances by
  // prefetch_step bytes a block. What is there need not exist.
  uintptr_t prefetch;
  uint32_t prefetch_step;
};

// Panels that follow one another.
struct WeightPanels {
  WeightPanel first;
  uint32_t count;
  size_t bytes;          // from panel to panel
  size_t prefetch_bytes; // by which a kernel advances the address to prefetch in each
};

static inline WeightPanel panel_at(const WeightPanels &panels, uint32_t index) {
  const size_t bytes = index * panels.bytes;
  WeightPanel panel = panels.first;
  panel.codes += bytes;
  panel.scales += bytes / sizeof(float);
  panel.bias += bytes / sizeof(float);
  panel.prefetch += index * panels.prefetch_bytes;
  return panel;
}

// Panel after panel, for kernels that know of one at a time.
template <typename Out, uint32_t Columns,
          void (*Multiply)(const ActivationTile &, const WeightPanel &, const KAxis &, Out *, size_t)>
static void multiply_each(const ActivationTile &tile, const WeightPanels &panels, const KAxis &axis, Out *out,
                          size_t stride) {
  for (uint32_t index = 0; index < panels.count; index++) {
    Multiply(tile, panel_at(panels, index), axis, out + index * Columns, stride);
  }
}

// Kernels for weights of one width. Columns of a panel beyond N hold zeros and are computed like the others.
struct IntegerFormat {
  uint32_t max_rows;
  uint32_t row_multiple;     // of which max_rows and the rows that a tile has memory for are multiples
  uint32_t activation_bytes; // of an activation code in a tile
  uint32_t block;
  uint32_t step; // a multiple of block (8 bits) or of 2 · block (4 bits)
  uint32_t offset;

  // codes [rows, K] with `stride` codes from row to row -> tile [padded K · rows up to row_multiple · activation_bytes]
  // and starts [groups, rows]. TILE_SLACK bytes behind the tile may be read and written, TILE_SLACK bytes behind starts
  // written.
  void (*pack_tile)(const int8_t *codes, size_t stride, uint32_t rows, const KAxis &axis, void *tile, int32_t *starts);

  // The two epilogues of docs/numerics.md section 4, which round in different orders even if there is but one group:
  // out [rows, panels · panel_columns] with `stride` floats from row to row.
  void (*multiply_by_channel)(const ActivationTile &tile, const WeightPanels &panels, const KAxis &axis, float *out,
                              size_t stride);
  void (*multiply_by_group)(const ActivationTile &tile, const WeightPanels &panels, const KAxis &axis, float *out,
                            size_t stride);

  // The bare product of one group, out [rows, panels · panel_columns]; scales are not read. Null at 4 bits.
  void (*multiply_int32)(const ActivationTile &tile, const WeightPanels &panels, const KAxis &axis, int32_t *out,
                         size_t stride);

  // Section 5, where fused multiply-adds and any order are allowed: x [K] -> vector [packed_vector_bytes], in whatever
  // form multiply_vector reads; out [panel_columns] = Σ_groups scale · Σ_k code · x, plus bias.
  void (*pack_vector)(const float *x, const KAxis &axis, void *vector);
  void (*multiply_vector)(const void *vector, const WeightPanel &panel, const KAxis &axis, float *out);
};

constexpr size_t TILE_SLACK = 64;

// A float for each code and 16 bytes for each group.
static inline size_t packed_vector_bytes(const KAxis &axis) {
  return padded_k(axis) * sizeof(float) + axis.groups * size_t{16};
}

// For kernels that read floats [padded_k], with zeros where codes were filled up.
void pack_float_vector(const float *x, const KAxis &axis, void *vector);

struct IntegerKernels {
  uint32_t panel_columns; // a multiple of 16
  size_t cache_bytes;     // how much of a core's second-level cache the packed operands may take
  IntegerFormat int8, int4;
};

} // namespace cider
