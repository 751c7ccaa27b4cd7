// Integer kernels for AVX-512 VNNI (F, BW, VL, DQ, VNNI).
//
// VPDPBUSD adds four products of unsigned by signed bytes to each int32 lane. Weights, offset to unsigned, are the
// vector operand: 16 outputs by 4 codes; four codes of an activation row are broadcast against two such vectors. With
// 14 rows the 28 sums, two weight vectors and the broadcast fill the 32 registers.
#include <immintrin.h>

#include "integer-kernels.h"
#include "integer-vector-avx512.h"

namespace cider {
namespace {

constexpr int COLUMNS = VECTOR_COLUMNS;
constexpr int VECTORS = COLUMNS / 16;
constexpr int BLOCK = VECTOR_BLOCK;

template <int Bits>
constexpr int max_rows = Bits == 8 ? 14 : 12; // unpacking 4 bits takes registers too

template <int Bits>
constexpr int offset = 1 << (Bits - 1);

template <int Bits>
constexpr int step = BLOCK * 8 / Bits;

template <int Rows>
using Sums = __m512i[Rows][VECTORS];

// What is left to read of a tile and of a panel.
struct Position {
  const int32_t *tile;
  const uint8_t *panel;
  uintptr_t prefetch;
  uint32_t prefetch_step;
};

[[gnu::always_inline]] inline void prefetch_panel(Position &at) {
  _mm_prefetch(reinterpret_cast<const char *>(at.prefetch), _MM_HINT_T1);
  _mm_prefetch(reinterpret_cast<const char *>(at.prefetch + 64), _MM_HINT_T1);
  at.prefetch += at.prefetch_step;
}

template <int Rows>
[[gnu::always_inline]] inline void multiply_block(Sums<Rows> &sums, const int32_t *&tile, __m512i weights0,
                                                  __m512i weights1) {
#pragma GCC unroll 16
  for (int row = 0; row < Rows; row++) {
    const __m512i activations = _mm512_set1_epi32(tile[row]);
    multiply_add(sums[row][0], weights0, activations);
    multiply_add(sums[row][1], weights1, activations);
  }
  tile += Rows;
}

// Adds the products of the next k codes, a multiple of the step and not 0.
template <int Bits, int Rows>
[[gnu::always_inline]] inline void multiply_codes(Sums<Rows> &sums, Position &at, uint32_t k) {
  if constexpr (Bits == 8) {
    do {
      const __m512i weights0 = _mm512_load_si512(at.panel);
      const __m512i weights1 = _mm512_load_si512(at.panel + 64);
      prefetch_panel(at);
      multiply_block<Rows>(sums, at.tile, weights0, weights1);
      at.panel += COLUMNS * BLOCK;
    } while ((k -= step<Bits>) != 0);
  } else {
    const __m512i low = _mm512_set1_epi8(15);
    do {
      const __m512i packed0 = _mm512_load_si512(at.panel);
      const __m512i packed1 = _mm512_load_si512(at.panel + 64);
      prefetch_panel(at);
      multiply_block<Rows>(sums, at.tile, _mm512_and_si512(packed0, low), _mm512_and_si512(packed1, low));
      multiply_block<Rows>(sums, at.tile, _mm512_and_si512(_mm512_srli_epi16(packed0, 4), low),
                           _mm512_and_si512(_mm512_srli_epi16(packed1, 4), low));
      at.panel += COLUMNS * BLOCK;
    } while ((k -= step<Bits>) != 0);
  }
}

template <int Rows>
[[gnu::always_inline]] inline void start(Sums<Rows> &sums, const int32_t *starts) {
#pragma GCC unroll 16
  for (int row = 0; row < Rows; row++) sums[row][0] = sums[row][1] = _mm512_set1_epi32(starts[row]);
}

// ((f32(acc) · activation scale) · weight scale) + bias
template <int Bits, int Rows>
[[gnu::noinline]] void by_channel(const ActivationTile &tile, const WeightPanels &panels, const KAxis &axis, float *out,
                                  size_t stride) {
  for (uint32_t index = 0; index < panels.count; index++, out += COLUMNS) {
    const WeightPanel panel = panel_at(panels, index);
    Position at = {static_cast<const int32_t *>(tile.codes), panel.codes, panel.prefetch, panel.prefetch_step};
    Sums<Rows> sums;
    start<Rows>(sums, tile.starts);
    multiply_codes<Bits, Rows>(sums, at, axis.padded_last_size);
#pragma GCC unroll 16
    for (int row = 0; row < Rows; row++) {
      const __m512 row_scale = _mm512_set1_ps(tile.scales[row]);
#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++) {
        __m512 y = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[row][v]), row_scale);
        y = _mm512_mul_ps(y, _mm512_load_ps(panel.scales + 16 * v));
        y = _mm512_add_ps(y, _mm512_load_ps(panel.bias + 16 * v));
        _mm512_storeu_ps(out + row * stride + 16 * v, y);
      }
    }
  }
}

// r = r + (f32(acc) · weight scale) over the groups, then (r · activation scale) + bias
template <int Bits, int Rows>
[[gnu::noinline]] void by_group(const ActivationTile &tile, const WeightPanels &panels, const KAxis &axis, float *out,
                                size_t stride) {
  for (uint32_t index = 0; index < panels.count; index++, out += COLUMNS) {
    const WeightPanel panel = panel_at(panels, index);
    Position at = {static_cast<const int32_t *>(tile.codes), panel.codes, panel.prefetch, panel.prefetch_step};
    alignas(64) float memory[Rows * COLUMNS] = {};
    float *results = memory;
    __asm__("" : "+r"(results)); // else compilers keep them in registers, of which there are none left
    const int32_t *starts = tile.starts;
    const float *scales = panel.scales;
    for (uint32_t group = 0; group < axis.groups; group++) {
      Sums<Rows> sums;
      start<Rows>(sums, starts);
      multiply_codes<Bits, Rows>(sums, at, padded_group_size(axis, group));
#pragma GCC unroll 2
      for (int v = 0; v < VECTORS; v++) {
        const __m512 scale = _mm512_load_ps(scales + 16 * v);
#pragma GCC unroll 16
        for (int row = 0; row < Rows; row++) {
          const __m512 term = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[row][v]), scale);
          float *r = results + row * COLUMNS + 16 * v;
          _mm512_store_ps(r, _mm512_add_ps(_mm512_load_ps(r), term));
        }
      }
      starts += Rows;
      scales += COLUMNS;
    }
    for (int row = 0; row < Rows; row++) {
      const __m512 row_scale = _mm512_set1_ps(tile.scales[row]);
      for (int v = 0; v < VECTORS; v++) {
        const __m512 y = _mm512_mul_ps(_mm512_load_ps(results + row * COLUMNS + 16 * v), row_scale);
        _mm512_storeu_ps(out + row * stride + 16 * v, _mm512_add_ps(y, _mm512_load_ps(panel.bias + 16 * v)));
      }
    }
  }
}

template <int Rows>
[[gnu::noinline]] void bare(const ActivationTile &tile, const WeightPanels &panels, const KAxis &axis, int32_t *out,
                            size_t stride) {
  for (uint32_t index = 0; index < panels.count; index++, out += COLUMNS) {
    const WeightPanel panel = panel_at(panels, index);
    Position at = {static_cast<const int32_t *>(tile.codes), panel.codes, panel.prefetch, panel.prefetch_step};
    Sums<Rows> sums;
    start<Rows>(sums, tile.starts);
    multiply_codes<8, Rows>(sums, at, axis.padded_last_size);
#pragma GCC unroll 16
    for (int row = 0; row < Rows; row++) {
      for (int v = 0; v < VECTORS; v++) _mm512_storeu_si512(out + row * stride + 16 * v, sums[row][v]);
    }
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

template <int Bits>
void multiply_by_channel(const ActivationTile &tile, const WeightPanels &panels, const KAxis &axis, float *out,
                         size_t stride) {
  for_rows<max_rows<Bits>>(tile.rows, [&]<int Rows>() { by_channel<Bits, Rows>(tile, panels, axis, out, stride); });
}

template <int Bits>
void multiply_by_group(const ActivationTile &tile, const WeightPanels &panels, const KAxis &axis, float *out,
                       size_t stride) {
  for_rows<max_rows<Bits>>(tile.rows, [&]<int Rows>() { by_group<Bits, Rows>(tile, panels, axis, out, stride); });
}

void multiply_int32(const ActivationTile &tile, const WeightPanels &panels, const KAxis &axis, int32_t *out,
                    size_t stride) {
  for_rows<max_rows<8>>(tile.rows, [&]<int Rows>() { bare<Rows>(tile, panels, axis, out, stride); });
}

// Transposes 16 vectors of 16 int32.
[[gnu::always_inline]] inline void transpose(__m512i (&v)[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    v[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    v[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    v[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    v[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0xdd);
  }
  for (int i = 0; i < 8; i++) {
    v[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    v[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
  }
}

// Tile [padded K / 4, rows, 4]. Sixteen blocks of all rows are transposed at once; each vector of a block is stored
// whole and the next one overwrites what lies behind its rows.
template <int Bits>
void pack_tile(const int8_t *codes, size_t stride, uint32_t rows, const KAxis &axis, void *tile, int32_t *starts) {
  constexpr uint32_t BLOCKS = 16;
  const __m512i ones = _mm512_set1_epi8(1);
  const __mmask16 row_mask = static_cast<__mmask16>((1u << rows) - 1);
  int32_t *to = static_cast<int32_t *>(tile);
  for (uint32_t group = 0; group < axis.groups; group++) {
    const uint32_t size = group_size(axis, group);
    const uint32_t blocks = padded_group_size(axis, group) / BLOCK;
    __m512i sums = _mm512_setzero_si512();
    for (uint32_t first = 0; first < blocks; first += BLOCKS) {
      const uint32_t k = first * BLOCK;
      const uint32_t left = k < size ? size - k : 0;
      const __mmask64 mask = left >= 64 ? ~__mmask64{0} : (__mmask64{1} << left) - 1;
      __m512i vectors[BLOCKS];
      for (uint32_t row = 0; row < BLOCKS; row++) {
        vectors[row] = row < rows ? _mm512_maskz_loadu_epi8(mask, codes + row * stride + k) : _mm512_setzero_si512();
      }
      transpose(vectors);
      const uint32_t count = blocks - first < BLOCKS ? blocks - first : BLOCKS;
      for (uint32_t block = 0; block < count; block++) {
        multiply_add(sums, ones, vectors[block]);
        _mm512_storeu_si512(to, vectors[block]);
        to += rows;
      }
    }
    const __m512i correction = _mm512_mullo_epi32(sums, _mm512_set1_epi32(-offset<Bits>));
    _mm512_mask_storeu_epi32(starts, row_mask, correction);
    starts += rows;
    codes += size;
  }
}

template <int Bits>
constexpr IntegerFormat format = {
    .max_rows = max_rows<Bits>,
    .row_multiple = 1,
    .activation_bytes = sizeof(int8_t),
    .block = BLOCK,
    .step = step<Bits>,
    .offset = offset<Bits>,
    .pack_tile = pack_tile<Bits>,
    .multiply_by_channel = multiply_by_channel<Bits>,
    .multiply_by_group = multiply_by_group<Bits>,
    .multiply_int32 = Bits == 8 ? multiply_int32 : nullptr,
    .pack_vector = pack_vector<Bits>,
    .multiply_vector = multiply_vector<Bits, offset<Bits>>,
};

constexpr IntegerKernels kernels = {COLUMNS, size_t{768} << 10, format<8>, format<4>};

} // namespace

const IntegerKernels *integer_kernels_avx512vnni() { return &kernels; }

} // namespace cider
