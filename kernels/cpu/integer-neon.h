// The integer kernels of Arm, written once over the instruction that multiplies. A file integer-neon-<isa>.cpp supplies
// `Instruction`:
//
//   BLOCK         consecutive codes of a row that it multiplies at once
//   ROW_MULTIPLE  rows that it takes at once: tiles are [K / BLOCK, rows up to it, BLOCK]
//   Sums<Rows>    int32 sums [Rows, COLUMNS] in registers
//     void clear()
//     void add(const int8_t *tile, weights)  one block; weights(i) are codes 16 · i … 16 · i + 15 of [COLUMNS, BLOCK]
//     int32x4_t row(int row, int v)          columns 4 · v … 4 · v + 3
//
// Both operands are signed, so that int8 codes need no offset. Codes of 4 bits are multiplied as 0 … 15, and what their
// offset adds is taken off the sums.
//
// Everything here is local to the file that includes it, since each is compiled for its own instruction set.
#pragma once

#include <arm_neon.h>
#include <string.h>

#include "integer-kernels.h"

namespace cider {
namespace {

constexpr int COLUMNS = 16;
constexpr int VECTORS = COLUMNS / 4; // of 32-bit lanes
constexpr int MAX_ROWS = 6;          // 24 of the 32 registers hold sums

template <int Bits>
constexpr int offset = Bits == 8 ? 0 : 8;

// Rows that a tile has memory for.
template <class Instruction>
constexpr uint32_t tile_rows(uint32_t rows) {
  return (rows + Instruction::ROW_MULTIPLE - 1) / Instruction::ROW_MULTIPLE * Instruction::ROW_MULTIPLE;
}

// What is left to read of a tile and of a panel.
struct Position {
  const int8_t *tile;
  const uint8_t *panel;
  uintptr_t prefetch;
  uint32_t prefetch_step;
};

template <int Bytes>
[[gnu::always_inline]] inline void prefetch_panel(Position &at) {
  for (int line = 0; line < Bytes; line += 64) __builtin_prefetch(reinterpret_cast<const void *>(at.prefetch + line));
  at.prefetch += at.prefetch_step;
}

// Adds the products of k codes, a multiple of the step.
template <class Instruction, int Bits, int Rows>
[[gnu::always_inline]] inline void multiply_codes(typename Instruction::template Sums<Rows> &sums, Position &at,
                                                  uint32_t k) {
  constexpr int BLOCK = Instruction::BLOCK;
  constexpr int TILE_BYTES = tile_rows<Instruction>(Rows) * BLOCK;
  constexpr int PANEL_BYTES = COLUMNS * BLOCK;
  for (uint32_t done = 0; done < k; done += BLOCK * 8 / Bits) {
    const uint8_t *panel = at.panel;
    prefetch_panel<PANEL_BYTES>(at);
    if constexpr (Bits == 8) {
      sums.add(at.tile, [panel](int i) { return vreinterpretq_s8_u8(vld1q_u8(panel + 16 * i)); });
      at.tile += TILE_BYTES;
    } else {
      sums.add(at.tile,
               [panel](int i) { return vreinterpretq_s8_u8(vandq_u8(vld1q_u8(panel + 16 * i), vdupq_n_u8(15))); });
      __asm__("" : "+r"(panel)); // or compilers keep the low halves' vectors for this, and spill sums
      sums.add(at.tile + TILE_BYTES,
               [panel](int i) { return vreinterpretq_s8_u8(vshrq_n_u8(vld1q_u8(panel + 16 * i), 4)); });
      at.tile += 2 * TILE_BYTES;
    }
    at.panel += PANEL_BYTES;
  }
}

// The exact sums of four columns; starts [Rows] of the group.
template <int Bits, class Sums>
[[gnu::always_inline]] inline int32x4_t exact(const Sums &sums, int row, int v, const int32_t *starts) {
  if constexpr (Bits == 8) return sums.row(row, v);
  return vaddq_s32(sums.row(row, v), vdupq_n_s32(starts[row]));
}

// ((f32(acc) · activation scale) · weight scale) + bias
template <class Instruction, int Bits, int Rows>
[[gnu::noinline]] void by_channel(const ActivationTile &tile, const WeightPanel &panel, const KAxis &axis, float *out,
                                  size_t stride) {
  Position at = {static_cast<const int8_t *>(tile.codes), panel.codes, panel.prefetch, panel.prefetch_step};
  typename Instruction::template Sums<Rows> sums;
  sums.clear();
  multiply_codes<Instruction, Bits, Rows>(sums, at, axis.padded_last_size);
#pragma GCC unroll 8
  for (int row = 0; row < Rows; row++) {
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++) {
      float32x4_t y = vmulq_n_f32(vcvtq_f32_s32(exact<Bits>(sums, row, v, tile.starts)), tile.scales[row]);
      y = vmulq_f32(y, vld1q_f32(panel.scales + 4 * v));
      vst1q_f32(out + row * stride + 4 * v, vaddq_f32(y, vld1q_f32(panel.bias + 4 * v)));
    }
  }
}

// r = r + (f32(acc) · weight scale) over the groups, then (r · activation scale) + bias
template <class Instruction, int Bits, int Rows>
[[gnu::noinline]] void by_group(const ActivationTile &tile, const WeightPanel &panel, const KAxis &axis, float *out,
                                size_t stride) {
  Position at = {static_cast<const int8_t *>(tile.codes), panel.codes, panel.prefetch, panel.prefetch_step};
  float results[Rows][COLUMNS] = {};
  const int32_t *starts = tile.starts;
  const float *scales = panel.scales;
  for (uint32_t group = 0; group < axis.groups; group++) {
    typename Instruction::template Sums<Rows> sums;
    sums.clear();
    multiply_codes<Instruction, Bits, Rows>(sums, at, padded_group_size(axis, group));
#pragma GCC unroll 8
    for (int row = 0; row < Rows; row++) {
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; v++) {
        const float32x4_t acc = vcvtq_f32_s32(exact<Bits>(sums, row, v, starts));
        const float32x4_t term = vmulq_f32(acc, vld1q_f32(scales + 4 * v));
        vst1q_f32(results[row] + 4 * v, vaddq_f32(vld1q_f32(results[row] + 4 * v), term));
      }
    }
    starts += Rows;
    scales += COLUMNS;
  }
  for (int row = 0; row < Rows; row++) {
    for (int v = 0; v < VECTORS; v++) {
      const float32x4_t y = vmulq_n_f32(vld1q_f32(results[row] + 4 * v), tile.scales[row]);
      vst1q_f32(out + row * stride + 4 * v, vaddq_f32(y, vld1q_f32(panel.bias + 4 * v)));
    }
  }
}

template <class Instruction, int Rows>
[[gnu::noinline]] void bare(const ActivationTile &tile, const WeightPanel &panel, const KAxis &axis, int32_t *out,
                            size_t stride) {
  Position at = {static_cast<const int8_t *>(tile.codes), panel.codes, panel.prefetch, panel.prefetch_step};
  typename Instruction::template Sums<Rows> sums;
  sums.clear();
  multiply_codes<Instruction, 8, Rows>(sums, at, axis.padded_last_size);
#pragma GCC unroll 8
  for (int row = 0; row < Rows; row++) {
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++) vst1q_s32(out + row * stride + 4 * v, sums.row(row, v));
  }
}

// Calls body.operator()<rows>().
template <int Max, typename Body>
inline void for_rows(uint32_t rows, const Body &body) {
  if constexpr (Max > 1) {
    if (rows < Max) return for_rows<Max - 1>(rows, body);
  }
  body.template operator()<Max>();
}

template <class Instruction, int Bits>
void multiply_by_channel(const ActivationTile &tile, const WeightPanel &panel, const KAxis &axis, float *out,
                         size_t stride) {
  for_rows<MAX_ROWS>(tile.rows,
                     [&]<int Rows>() { by_channel<Instruction, Bits, Rows>(tile, panel, axis, out, stride); });
}

template <class Instruction, int Bits>
void multiply_by_group(const ActivationTile &tile, const WeightPanel &panel, const KAxis &axis, float *out,
                       size_t stride) {
  for_rows<MAX_ROWS>(tile.rows, [&]<int Rows>() { by_group<Instruction, Bits, Rows>(tile, panel, axis, out, stride); });
}

template <class Instruction>
void multiply_int32(const ActivationTile &tile, const WeightPanel &panel, const KAxis &axis, int32_t *out,
                    size_t stride) {
  for_rows<MAX_ROWS>(tile.rows, [&]<int Rows>() { bare<Instruction, Rows>(tile, panel, axis, out, stride); });
}

// Tile [padded K / BLOCK, rows up to ROW_MULTIPLE, BLOCK] with zeros beyond codes and rows.
template <class Instruction, int Bits>
void pack_tile(const int8_t *codes, size_t stride, uint32_t rows, const KAxis &axis, void *tile, int32_t *starts) {
  constexpr uint32_t BLOCK = Instruction::BLOCK;
  const uint32_t padded_rows = tile_rows<Instruction>(rows);
  int8_t *to = static_cast<int8_t *>(tile);
  memset(to, 0, padded_k(axis) * padded_rows);
  for (uint32_t group = 0; group < axis.groups; group++) {
    const uint32_t size = group_size(axis, group);
    for (uint32_t row = 0; row < rows; row++) {
      const int8_t *from = codes + row * stride;
      int8_t *block = to + row * BLOCK;
      uint32_t k = 0;
      for (; k + BLOCK <= size; k += BLOCK, block += padded_rows * BLOCK) memcpy(block, from + k, BLOCK);
      memcpy(block, from + k, size - k);
      if constexpr (Bits == 4) {
        int32_t sum = 0;
        for (k = 0; k < size; k++) sum += from[k];
        starts[row] = -offset<Bits> * sum;
      }
    }
    codes += size;
    to += size_t{padded_group_size(axis, group)} * padded_rows;
    starts += rows;
  }
}

// Adds the products of a block of codes [COLUMNS, BLOCK] with x [BLOCK]. Each column has a sum of four lanes.
template <int BLOCK, typename Weights>
[[gnu::always_inline]] inline void multiply_add_block(float32x4_t (&sums)[COLUMNS], const float *x,
                                                      const Weights &weights) {
  float32x4_t quads[BLOCK / 4];
  for (int i = 0; i < BLOCK / 4; i++) quads[i] = vld1q_f32(x + 4 * i);
  const auto add = [&](int first, int16x4_t codes) __attribute__((always_inline)) {
    float32x4_t &sum = sums[first / BLOCK];
    sum = vfmaq_f32(sum, vcvtq_f32_s32(vmovl_s16(codes)), quads[first % BLOCK / 4]);
  };
#pragma GCC unroll 8
  for (int i = 0; i < COLUMNS * BLOCK / 16; i++) {
    const int8x16_t codes = weights(i);
    const int16x8_t low = vmovl_s8(vget_low_s8(codes));
    const int16x8_t high = vmovl_high_s8(codes);
    add(16 * i, vget_low_s16(low));
    add(16 * i + 4, vget_high_s16(low));
    add(16 * i + 8, vget_low_s16(high));
    add(16 * i + 12, vget_high_s16(high));
  }
}

template <class Instruction, int Bits>
void multiply_vector(const void *vector, const WeightPanel &panel, const KAxis &axis, float *out) {
  constexpr int BLOCK = Instruction::BLOCK;
  const float *x = static_cast<const float *>(vector);
  Position at = {nullptr, panel.codes, panel.prefetch, panel.prefetch_step};
  const float *scales = panel.scales;
  float32x4_t results[VECTORS];
  for (int v = 0; v < VECTORS; v++) results[v] = vdupq_n_f32(0);
  for (uint32_t group = 0; group < axis.groups; group++) {
    float32x4_t sums[COLUMNS];
    for (int column = 0; column < COLUMNS; column++) sums[column] = vdupq_n_f32(0);
    for (const float *end = x + padded_group_size(axis, group); x < end; x += BLOCK * 8 / Bits) {
      const uint8_t *codes = at.panel;
      prefetch_panel<COLUMNS * BLOCK>(at);
      if constexpr (Bits == 8) {
        multiply_add_block<BLOCK>(sums, x, [codes](int i) { return vreinterpretq_s8_u8(vld1q_u8(codes + 16 * i)); });
      } else {
        const int8x16_t offsets = vdupq_n_s8(offset<Bits>);
        multiply_add_block<BLOCK>(sums, x, [codes, offsets](int i) {
          return vsubq_s8(vreinterpretq_s8_u8(vandq_u8(vld1q_u8(codes + 16 * i), vdupq_n_u8(15))), offsets);
        });
        multiply_add_block<BLOCK>(sums, x + BLOCK, [codes, offsets](int i) {
          return vsubq_s8(vreinterpretq_s8_u8(vshrq_n_u8(vld1q_u8(codes + 16 * i), 4)), offsets);
        });
      }
      at.panel += COLUMNS * BLOCK;
    }
    for (int v = 0; v < VECTORS; v++) {
      const float32x4_t *columns = sums + 4 * v;
      const float32x4_t sum = vpaddq_f32(vpaddq_f32(columns[0], columns[1]), vpaddq_f32(columns[2], columns[3]));
      results[v] = vfmaq_f32(results[v], sum, vld1q_f32(scales + 4 * v));
    }
    scales += COLUMNS;
  }
  for (int v = 0; v < VECTORS; v++) vst1q_f32(out + 4 * v, vaddq_f32(results[v], vld1q_f32(panel.bias + 4 * v)));
}

template <class Instruction, int Bits>
constexpr IntegerFormat format = {
    .max_rows = MAX_ROWS,
    .row_multiple = Instruction::ROW_MULTIPLE,
    .activation_bytes = sizeof(int8_t),
    .block = Instruction::BLOCK,
    .step = Instruction::BLOCK * 8 / Bits,
    .offset = offset<Bits>,
    .pack_tile = pack_tile<Instruction, Bits>,
    .multiply_by_channel = multiply_each<float, COLUMNS, multiply_by_channel<Instruction, Bits>>,
    .multiply_by_group = multiply_each<float, COLUMNS, multiply_by_group<Instruction, Bits>>,
    .multiply_int32 = Bits == 8 ? multiply_each<int32_t, COLUMNS, multiply_int32<Instruction>> : nullptr,
    .pack_vector = pack_float_vector,
    .multiply_vector = multiply_vector<Instruction, Bits>,
};

template <class Instruction>
constexpr IntegerKernels integer_kernels = {COLUMNS, size_t{768} << 10, format<Instruction, 8>, format<Instruction, 4>};

} // namespace
} // namespace cider
