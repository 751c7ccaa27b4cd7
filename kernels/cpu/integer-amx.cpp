// Integer kernels for AMX (TILE, INT8), with AVX-512 (F, BW, VL, DQ) and GFNI around the products.
//
// TDPBSSD multiplies a tile of 16 rows by 64 signed codes of activations by a tile of 64 codes of 16 outputs. Of the
// eight tile registers four hold the sums of 32 rows by 32 outputs, so that each tile loaded is used twice. A panel
// as it lies in memory, four codes of an output side by side, is a tile with 128 bytes from row to row. Codes of 4
// bits are unpacked to such a panel on the stack, a step at a time.
#include <immintrin.h>
#include <string.h>

#include "integer-kernels.h"
#include "integer-vector-avx512.h"
#include "tiles-amx.h"

namespace cider {
namespace {

constexpr int COLUMNS = 32;
constexpr int VECTORS = COLUMNS / 16;
constexpr int BLOCK = 4;
constexpr int TILE_ROWS = 16;
constexpr int MAX_ROWS = 2 * TILE_ROWS;
constexpr uint32_t MAX_DEPTH = 64; // codes of a row of a tile
constexpr uint32_t STEP = MAX_DEPTH / 2;

// Tiles are as deep as they can be with groups of whole tiles.
uint32_t depth_of(const KAxis &axis) {
  return (axis.padded_group_size | axis.padded_last_size) % MAX_DEPTH == 0 ? MAX_DEPTH : STEP;
}

// ---- tile registers ----
//
// Instructions have their numbers as immediates: the sums of row tile r and column tile c are in 2 · r + c.

constexpr int ACTIVATIONS = 4; // + r
constexpr int WEIGHTS = 6;     // + c

TileRegisters registers_of(uint32_t depth) { return {{}, {TILE_ROWS, depth}, {depth / BLOCK, 64}}; }

// `RowTiles` is 1 or 2.
template <int RowTiles>
[[gnu::always_inline]] inline void clear_sums() {
  _tile_zero(0);
  _tile_zero(1);
  if constexpr (RowTiles == 2) {
    _tile_zero(2);
    _tile_zero(3);
  }
}

// activations [16 · RowTiles, depth], weights [depth / 4, 32, 4]
template <int RowTiles>
[[gnu::always_inline]] inline void multiply_add(const int8_t *activations, uint32_t depth, const void *weights) {
  constexpr size_t stride = COLUMNS * BLOCK;
  const uint8_t *columns = static_cast<const uint8_t *>(weights);
  _tile_loadd(ACTIVATIONS, activations, depth);
  _tile_loadd(WEIGHTS, columns, stride);
  _tile_dpbssd(0, ACTIVATIONS, WEIGHTS);
  _tile_loadd(WEIGHTS + 1, columns + stride / 2, stride);
  _tile_dpbssd(1, ACTIVATIONS, WEIGHTS + 1);
  if constexpr (RowTiles == 2) {
    _tile_loadd(ACTIVATIONS + 1, activations + TILE_ROWS * depth, depth);
    _tile_dpbssd(2, ACTIVATIONS + 1, WEIGHTS);
    _tile_dpbssd(3, ACTIVATIONS + 1, WEIGHTS + 1);
  }
}

template <int RowTiles>
using Sums = int32_t[RowTiles * TILE_ROWS][COLUMNS];

template <int RowTiles>
[[gnu::always_inline]] inline void store_sums(Sums<RowTiles> &sums) {
  constexpr size_t stride = sizeof(sums[0]);
  _tile_stored(0, sums[0], stride);
  _tile_stored(1, sums[0] + 16, stride);
  if constexpr (RowTiles == 2) {
    _tile_stored(2, sums[TILE_ROWS], stride);
    _tile_stored(3, sums[TILE_ROWS] + 16, stride);
  }
}

// ---- products ----

// What is left to read of a tile and of a panel.
struct Position {
  const int8_t *tile;
  const uint8_t *panel;
  uintptr_t prefetch;
  uint32_t prefetch_step;
};

// For `blocks` blocks of a panel.
[[gnu::always_inline]] inline void prefetch_panel(Position &at, uint32_t blocks) {
  const uintptr_t end = at.prefetch + blocks * at.prefetch_step;
  for (uintptr_t line = at.prefetch; line < end; line += 64) {
    _mm_prefetch(reinterpret_cast<const char *>(line), _MM_HINT_T1);
  }
  at.prefetch = end;
}

// code + 8 in a half of each byte -> code in a byte. With the highest bit inverted this is the code in two's
// complement, and its sign is the bit that fills up the byte: an affine map of bits, one instruction.
template <bool High>
[[gnu::always_inline]] inline __m512i unpack_half(__m512i packed) {
  // Byte 7 - i of the matrix holds the bits whose sum is bit i of the result.
  constexpr uint64_t sign = High ? 0x80 : 0x08;
  constexpr uint64_t matrix = (sign >> 3) << 56 | (sign >> 2) << 48 | (sign >> 1) << 40 | sign * 0x0101010101;
  return _mm512_gf2p8affine_epi64_epi8(packed, _mm512_set1_epi64(matrix), 0xf8);
}

// A step of a panel of 4 bits: [depth / 8, 32, 4] pairs of codes -> weights [depth / 4, 32, 4].
using Weights = __m512i[MAX_DEPTH / BLOCK * VECTORS];
[[gnu::always_inline]] inline void unpack(const uint8_t *panel, uint32_t depth, Weights &weights) {
  for (uint32_t pair = 0; pair < depth / (2 * BLOCK); pair++) {
    const __m512i packed0 = _mm512_load_si512(panel + pair * COLUMNS * BLOCK);
    const __m512i packed1 = _mm512_load_si512(panel + pair * COLUMNS * BLOCK + 64);
    weights[4 * pair] = unpack_half<false>(packed0);
    weights[4 * pair + 1] = unpack_half<false>(packed1);
    weights[4 * pair + 2] = unpack_half<true>(packed0);
    weights[4 * pair + 3] = unpack_half<true>(packed1);
  }
}

// Adds the products of k codes, a multiple of the depth. Codes of 4 bits are unpacked a step ahead, so that tiles are
// loaded from what has reached the cache.
template <int Bits, int RowTiles>
[[gnu::always_inline]] inline void multiply_codes(Position &at, uint32_t k, uint32_t depth) {
  const uint32_t steps = k / depth;
  const uint32_t panel_bytes = depth * COLUMNS * Bits / 8;
  [[maybe_unused]] Weights weights[2];
  if constexpr (Bits == 4) unpack(at.panel, depth, weights[0]);
  for (uint32_t step = 0; step < steps; step++) {
    prefetch_panel(at, panel_bytes / (COLUMNS * BLOCK));
    if constexpr (Bits == 8) {
      multiply_add<RowTiles>(at.tile, depth, at.panel);
    } else {
      if (step + 1 < steps) unpack(at.panel + panel_bytes, depth, weights[(step + 1) % 2]);
      multiply_add<RowTiles>(at.tile, depth, weights[step % 2]);
    }
    at.tile += RowTiles * TILE_ROWS * depth;
    at.panel += panel_bytes;
  }
}

// Where a kernel's output goes. Full tiles of wide layers bypass the caches: the processor need not read lines that are
// overwritten whole, and weights and activations stay. What orders such stores for other threads is the locked
// instruction with which a thread of the pool takes its next task; a fence in each call would cost a tenth of its time.
class Output {
public:
  Output(float *out, size_t stride, uint32_t rows)
      : out_(out), stride_(stride), bypasses_caches_(rows == MAX_ROWS && stride >= WIDE && stride % 16 == 0 &&
                                                     reinterpret_cast<uintptr_t>(out) % 64 == 0) {}

  [[gnu::always_inline]] void store(uint32_t row, int v, __m512 y) const {
    float *to = out_ + row * stride_ + 16 * v;
    if (bypasses_caches_) {
      _mm512_stream_ps(to, y);
    } else {
      _mm512_storeu_ps(to, y);
    }
  }

private:
  static constexpr size_t WIDE = 2048; // columns: a tile takes an eighth of the second-level cache
  float *out_;
  size_t stride_;
  bool bypasses_caches_;
};

// ((f32(acc) · activation scale) · weight scale) + bias. A panel's sums are rounded while the tile registers multiply
// the next panel.
template <int Bits, int RowTiles>
[[gnu::noinline]] void by_channel(const ActivationTile &tile, const WeightPanels &panels, const KAxis &axis, float *out,
                                  size_t stride) {
  const uint32_t depth = depth_of(axis);
  const TileRegisters registers = registers_of(depth);
  alignas(64) Sums<RowTiles> sums[2];
  const auto finish = [&](uint32_t index) {
    const WeightPanel panel = panel_at(panels, index);
    const Output output(out + index * COLUMNS, stride, tile.rows);
    const __m512 scales[VECTORS] = {_mm512_load_ps(panel.scales), _mm512_load_ps(panel.scales + 16)};
    const __m512 bias[VECTORS] = {_mm512_load_ps(panel.bias), _mm512_load_ps(panel.bias + 16)};
    for (uint32_t row = 0; row < tile.rows; row++) {
      const __m512 row_scale = _mm512_set1_ps(tile.scales[row]);
      for (int v = 0; v < VECTORS; v++) {
        const __m512 sum = _mm512_cvtepi32_ps(_mm512_load_si512(sums[index % 2][row] + 16 * v));
        const __m512 y = _mm512_mul_ps(_mm512_mul_ps(sum, row_scale), scales[v]);
        output.store(row, v, _mm512_add_ps(y, bias[v]));
      }
    }
  };
  for (uint32_t index = 0; index < panels.count; index++) {
    const WeightPanel panel = panel_at(panels, index);
    Position at = {static_cast<const int8_t *>(tile.codes), panel.codes, panel.prefetch, panel.prefetch_step};
    clear_sums<RowTiles>();
    multiply_codes<Bits, RowTiles>(at, axis.padded_last_size, depth);
    if (index > 0) finish(index - 1);
    store_sums<RowTiles>(sums[index % 2]);
  }
  finish(panels.count - 1);
}

// r = r + (f32(acc) · weight scale) over the groups, then (r · activation scale) + bias. A group's sums are added while
// the tile registers multiply the next group.
template <int Bits, int RowTiles>
[[gnu::noinline]] void by_group(const ActivationTile &tile, const WeightPanels &panels, const KAxis &axis, float *out,
                                size_t stride) {
  const uint32_t depth = depth_of(axis);
  const TileRegisters registers = registers_of(depth);
  alignas(64) Sums<RowTiles> sums[2];
  alignas(64) float results[RowTiles * TILE_ROWS][COLUMNS];
  for (uint32_t index = 0; index < panels.count; index++) {
    const WeightPanel panel = panel_at(panels, index);
    Position at = {static_cast<const int8_t *>(tile.codes), panel.codes, panel.prefetch, panel.prefetch_step};
    const float *scales = panel.scales;
    memset(results, 0, sizeof results);
    const auto add_group = [&](const Sums<RowTiles> &group_sums) {
      const __m512 group_scales[VECTORS] = {_mm512_load_ps(scales), _mm512_load_ps(scales + 16)};
      for (uint32_t row = 0; row < tile.rows; row++) {
        for (int v = 0; v < VECTORS; v++) {
          const __m512 sum = _mm512_cvtepi32_ps(_mm512_load_si512(group_sums[row] + 16 * v));
          const __m512 term = _mm512_mul_ps(sum, group_scales[v]);
          _mm512_store_ps(results[row] + 16 * v, _mm512_add_ps(_mm512_load_ps(results[row] + 16 * v), term));
        }
      }
      scales += COLUMNS;
    };
    for (uint32_t group = 0; group < axis.groups; group++) {
      clear_sums<RowTiles>();
      multiply_codes<Bits, RowTiles>(at, padded_group_size(axis, group), depth);
      if (group > 0) add_group(sums[(group - 1) % 2]);
      store_sums<RowTiles>(sums[group % 2]);
    }
    add_group(sums[(axis.groups - 1) % 2]);
    const Output output(out + index * COLUMNS, stride, tile.rows);
    for (uint32_t row = 0; row < tile.rows; row++) {
      const __m512 row_scale = _mm512_set1_ps(tile.scales[row]);
      for (int v = 0; v < VECTORS; v++) {
        const __m512 y = _mm512_mul_ps(_mm512_load_ps(results[row] + 16 * v), row_scale);
        output.store(row, v, _mm512_add_ps(y, _mm512_load_ps(panel.bias + 16 * v)));
      }
    }
  }
}

template <int RowTiles>
[[gnu::noinline]] void bare(const ActivationTile &tile, const WeightPanels &panels, const KAxis &axis, int32_t *out,
                            size_t stride) {
  const uint32_t depth = depth_of(axis);
  const TileRegisters registers = registers_of(depth);
  for (uint32_t index = 0; index < panels.count; index++, out += COLUMNS) {
    const WeightPanel panel = panel_at(panels, index);
    Position at = {static_cast<const int8_t *>(tile.codes), panel.codes, panel.prefetch, panel.prefetch_step};
    alignas(64) Sums<RowTiles> sums;
    clear_sums<RowTiles>();
    multiply_codes<8, RowTiles>(at, axis.padded_last_size, depth);
    store_sums<RowTiles>(sums);
    for (uint32_t row = 0; row < tile.rows; row++) {
      for (int v = 0; v < VECTORS; v++) {
        _mm512_storeu_si512(out + row * stride + 16 * v, _mm512_load_si512(sums[row] + 16 * v));
      }
    }
  }
}

template <int Bits>
void multiply_by_channel(const ActivationTile &tile, const WeightPanels &panels, const KAxis &axis, float *out,
                         size_t stride) {
  (tile.rows > TILE_ROWS ? by_channel<Bits, 2> : by_channel<Bits, 1>)(tile, panels, axis, out, stride);
}

template <int Bits>
void multiply_by_group(const ActivationTile &tile, const WeightPanels &panels, const KAxis &axis, float *out,
                       size_t stride) {
  (tile.rows > TILE_ROWS ? by_group<Bits, 2> : by_group<Bits, 1>)(tile, panels, axis, out, stride);
}

void multiply_int32(const ActivationTile &tile, const WeightPanels &panels, const KAxis &axis, int32_t *out,
                    size_t stride) {
  (tile.rows > TILE_ROWS ? bare<2> : bare<1>)(tile, panels, axis, out, stride);
}

// Tile [padded K / depth, rows up to 16 or 32, depth]. Products of signed codes start from zero; starts are not used.
void pack_tile(const int8_t *codes, size_t stride, uint32_t rows, const KAxis &axis, void *tile, int32_t *) {
  const uint32_t depth = depth_of(axis);
  const uint32_t padded_rows = rows > TILE_ROWS ? MAX_ROWS : TILE_ROWS;
  int8_t *to = static_cast<int8_t *>(tile);
  for (uint32_t group = 0; group < axis.groups; group++) {
    const uint32_t size = group_size(axis, group);
    for (uint32_t k = 0; k < padded_group_size(axis, group); k += depth) {
      const uint32_t left = k < size ? size - k : 0;
      const uint32_t count = left < depth ? left : depth;
      const __mmask64 mask = count == 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1;
      const __mmask64 depth_mask = depth == 64 ? ~__mmask64{0} : (__mmask64{1} << depth) - 1;
      for (uint32_t row = 0; row < padded_rows; row++) {
        const __m512i vector =
            row < rows ? _mm512_maskz_loadu_epi8(mask, codes + row * stride + k) : _mm512_setzero_si512();
        _mm512_mask_storeu_epi8(to, depth_mask, vector);
        to += depth;
      }
    }
    codes += size;
  }
}

template <int Bits>
constexpr IntegerFormat format = {
    MAX_ROWS,
    TILE_ROWS,
    sizeof(int8_t),
    BLOCK,
    STEP,
    Bits == 8 ? 0 : 8,
    pack_tile,
    multiply_by_channel<Bits>,
    multiply_by_group<Bits>,
    Bits == 8 ? multiply_int32 : nullptr,
    pack_vector<Bits>,
    multiply_vector<Bits, Bits == 8 ? 0 : 8>,
};

constexpr IntegerKernels kernels = {COLUMNS, size_t{1344} << 10, format<8>, format<4>};

} // namespace

const IntegerKernels *integer_kernels_amx() { return &kernels; }

} // namespace cider
