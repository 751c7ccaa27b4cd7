// Integer kernels for AVX2 (with FMA).
//
// 8 bits: VPMADDWD multiplies signed 16-bit by 16-bit and adds pairs to int32, exactly. Activations are widened when a
// tile is packed, weights when they are loaded. (VPMADDUBSW is no way to multiply full bytes: its pairs saturate.)
//
// 4 bits: weights are offset to 0 … 15, so that VPMADDUBSW never comes near its limits: pairs are at most 2 · 15 · 128,
// and eight of them still fit into 16 bits before they are widened.
#include <immintrin.h>
#include <string.h>

#include "integer-kernels.h"

namespace cider {
namespace {

constexpr int COLUMNS = 16;
constexpr int VECTORS = COLUMNS / 8; // of 32-bit lanes
constexpr int MAX_ROWS = 6;          // 12 of the 16 registers hold sums

template <int Bits>
constexpr int block = Bits == 8 ? 2 : 4;
template <int Bits>
constexpr int step = block<Bits> * 8 / Bits;
template <int Bits>
constexpr int offset = Bits == 8 ? 0 : 8;

template <int Rows>
using Sums = __m256i[Rows][VECTORS];

// What is left to read of a tile and of a panel.
struct Position {
  const int32_t *tile;
  const uint8_t *panel;
  uintptr_t prefetch;
  uint32_t prefetch_step;
};

template <int Bytes>
[[gnu::always_inline]] inline void prefetch_panel(Position &at) {
  for (int line = 0; line < Bytes; line += 64) {
    _mm_prefetch(reinterpret_cast<const char *>(at.prefetch + line), _MM_HINT_T1);
  }
  at.prefetch += at.prefetch_step;
}

[[gnu::always_inline]] inline __m256i load(const void *memory) {
  return _mm256_load_si256(static_cast<const __m256i *>(memory));
}

[[gnu::always_inline]] inline __m256i load_widened(const uint8_t *codes) {
  return _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i *>(codes)));
}

// sums = starts + the products of k codes of 8 bits, k even and not 0.
template <int Rows>
[[gnu::always_inline]] inline void multiply_int8(Sums<Rows> &sums, Position &at, uint32_t k) {
#pragma GCC unroll 8
  for (int row = 0; row < Rows; row++) sums[row][0] = sums[row][1] = _mm256_setzero_si256();
  do {
    const __m256i weights0 = load_widened(at.panel);
    const __m256i weights1 = load_widened(at.panel + 16);
    prefetch_panel<COLUMNS * block<8>>(at);
#pragma GCC unroll 8
    for (int row = 0; row < Rows; row++) {
      const __m256i activations = _mm256_set1_epi32(at.tile[row]);
      sums[row][0] = _mm256_add_epi32(sums[row][0], _mm256_madd_epi16(weights0, activations));
      sums[row][1] = _mm256_add_epi32(sums[row][1], _mm256_madd_epi16(weights1, activations));
    }
    at.tile += Rows;
    at.panel += COLUMNS * block<8>;
  } while ((k -= step<8>) != 0);
}

template <int Rows>
[[gnu::always_inline]] inline void multiply_block(Sums<Rows> &sums, const int32_t *&tile, __m256i weights0,
                                                  __m256i weights1) {
#pragma GCC unroll 8
  for (int row = 0; row < Rows; row++) {
    const __m256i activations = _mm256_set1_epi32(tile[row]);
    sums[row][0] = _mm256_add_epi16(sums[row][0], _mm256_maddubs_epi16(weights0, activations));
    sums[row][1] = _mm256_add_epi16(sums[row][1], _mm256_maddubs_epi16(weights1, activations));
  }
  tile += Rows;
}

// The same for codes of 4 bits. Sums of 16 bits take the registers; those of 32 bits are in memory meanwhile.
template <int Rows>
[[gnu::always_inline]] inline void multiply_int4(Sums<Rows> &sums, Position &at, uint32_t k, const int32_t *starts) {
  constexpr uint32_t SAFE_CODES = 8 * block<4>; // of which 16 bits hold the sums
  alignas(32) int32_t wide[Rows * COLUMNS];
  for (int i = 0; i < Rows * COLUMNS; i++) wide[i] = starts[i / COLUMNS];
  const __m256i low = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
  while (k != 0) {
#pragma GCC unroll 8
    for (int row = 0; row < Rows; row++) sums[row][0] = sums[row][1] = _mm256_setzero_si256();
    uint32_t codes = k < SAFE_CODES ? k : SAFE_CODES;
    k -= codes;
    do {
      prefetch_panel<COLUMNS * block<4>>(at);
      multiply_block<Rows>(sums, at.tile, _mm256_and_si256(load(at.panel), low),
                           _mm256_and_si256(load(at.panel + 32), low));
      __asm__("" : "+r"(at.panel)); // else compilers keep both vectors in registers, and spill sums
      multiply_block<Rows>(sums, at.tile, _mm256_and_si256(_mm256_srli_epi16(load(at.panel), 4), low),
                           _mm256_and_si256(_mm256_srli_epi16(load(at.panel + 32), 4), low));
      at.panel += COLUMNS * block<4>;
    } while ((codes -= step<4>) != 0);
#pragma GCC unroll 8
    for (int row = 0; row < Rows; row++) {
      for (int v = 0; v < VECTORS; v++) {
        __m256i *to = reinterpret_cast<__m256i *>(wide + row * COLUMNS + 8 * v);
        _mm256_store_si256(to, _mm256_add_epi32(load(to), _mm256_madd_epi16(sums[row][v], ones)));
      }
    }
  }
#pragma GCC unroll 8
  for (int row = 0; row < Rows; row++) {
    for (int v = 0; v < VECTORS; v++) sums[row][v] = load(wide + row * COLUMNS + 8 * v);
  }
}

template <int Bits, int Rows>
[[gnu::always_inline]] inline void multiply_codes(Sums<Rows> &sums, Position &at, uint32_t k, const int32_t *starts) {
  if constexpr (Bits == 8) {
    multiply_int8<Rows>(sums, at, k);
  } else {
    multiply_int4<Rows>(sums, at, k, starts);
  }
}

Position start_of(const ActivationTile &tile, const WeightPanel &panel) {
  return {static_cast<const int32_t *>(tile.codes), panel.codes, panel.prefetch, panel.prefetch_step};
}

// ((f32(acc) · activation scale) · weight scale) + bias
template <int Bits, int Rows>
[[gnu::noinline]] void by_channel(const ActivationTile &tile, const WeightPanel &panel, const KAxis &axis, float *out,
                                  size_t stride) {
  Position at = start_of(tile, panel);
  Sums<Rows> sums;
  multiply_codes<Bits, Rows>(sums, at, axis.padded_last_size, tile.starts);
#pragma GCC unroll 8
  for (int row = 0; row < Rows; row++) {
    const __m256 row_scale = _mm256_set1_ps(tile.scales[row]);
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++) {
      __m256 y = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[row][v]), row_scale);
      y = _mm256_mul_ps(y, _mm256_load_ps(panel.scales + 8 * v));
      y = _mm256_add_ps(y, _mm256_load_ps(panel.bias + 8 * v));
      _mm256_storeu_ps(out + row * stride + 8 * v, y);
    }
  }
}

// r = r + (f32(acc) · weight scale) over the groups, then (r · activation scale) + bias
template <int Bits, int Rows>
[[gnu::noinline]] void by_group(const ActivationTile &tile, const WeightPanel &panel, const KAxis &axis, float *out,
                                size_t stride) {
  Position at = start_of(tile, panel);
  alignas(32) float memory[Rows * COLUMNS] = {};
  float *results = memory;
  __asm__("" : "+r"(results)); // else compilers keep them in registers, of which there are none left
  const int32_t *starts = tile.starts;
  const float *scales = panel.scales;
  for (uint32_t group = 0; group < axis.groups; group++) {
    Sums<Rows> sums;
    multiply_codes<Bits, Rows>(sums, at, padded_group_size(axis, group), starts);
#pragma GCC unroll 2
    for (int v = 0; v < VECTORS; v++) {
      const __m256 scale = _mm256_load_ps(scales + 8 * v);
#pragma GCC unroll 8
      for (int row = 0; row < Rows; row++) {
        const __m256 term = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[row][v]), scale);
        float *r = results + row * COLUMNS + 8 * v;
        _mm256_store_ps(r, _mm256_add_ps(_mm256_load_ps(r), term));
      }
    }
    starts += Rows;
    scales += COLUMNS;
  }
  for (int row = 0; row < Rows; row++) {
    const __m256 row_scale = _mm256_set1_ps(tile.scales[row]);
    for (int v = 0; v < VECTORS; v++) {
      const __m256 y = _mm256_mul_ps(_mm256_load_ps(results + row * COLUMNS + 8 * v), row_scale);
      _mm256_storeu_ps(out + row * stride + 8 * v, _mm256_add_ps(y, _mm256_load_ps(panel.bias + 8 * v)));
    }
  }
}

template <int Rows>
[[gnu::noinline]] void bare(const ActivationTile &tile, const WeightPanel &panel, const KAxis &axis, int32_t *out,
                            size_t stride) {
  Position at = start_of(tile, panel);
  Sums<Rows> sums;
  multiply_codes<8, Rows>(sums, at, axis.padded_last_size, tile.starts);
#pragma GCC unroll 8
  for (int row = 0; row < Rows; row++) {
    for (int v = 0; v < VECTORS; v++) {
      _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + row * stride + 8 * v), sums[row][v]);
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
void multiply_by_channel(const ActivationTile &tile, const WeightPanel &panel, const KAxis &axis, float *out,
                         size_t stride) {
  for_rows<MAX_ROWS>(tile.rows, [&]<int Rows>() { by_channel<Bits, Rows>(tile, panel, axis, out, stride); });
}

template <int Bits>
void multiply_by_group(const ActivationTile &tile, const WeightPanel &panel, const KAxis &axis, float *out,
                       size_t stride) {
  for_rows<MAX_ROWS>(tile.rows, [&]<int Rows>() { by_group<Bits, Rows>(tile, panel, axis, out, stride); });
}

void multiply_int32(const ActivationTile &tile, const WeightPanel &panel, const KAxis &axis, int32_t *out,
                    size_t stride) {
  for_rows<MAX_ROWS>(tile.rows, [&]<int Rows>() { bare<Rows>(tile, panel, axis, out, stride); });
}

// Transposes 8 vectors of 8 int32.
[[gnu::always_inline]] inline void transpose(__m256i (&v)[8]) {
  __m256i t[8];
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
    t[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    v[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
    v[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
    v[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
    v[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm256_permute2x128_si256(v[i], v[i + 4], 0x20);
    t[i + 4] = _mm256_permute2x128_si256(v[i], v[i + 4], 0x31);
  }
  for (int i = 0; i < 8; i++) v[i] = t[i];
}

// Eight blocks of a row, each one int32: 16 codes widened to 16 bits, or 32 codes. Codes beyond `left` are 0.
template <int Bits>
[[gnu::always_inline]] inline __m256i load_blocks(const int8_t *codes, uint32_t left) {
  constexpr uint32_t CODES = 8 * block<Bits>;
  alignas(32) int8_t padded[CODES];
  if (left < CODES) {
    memset(padded, 0, CODES);
    memcpy(padded, codes, left);
    codes = padded;
  }
  if constexpr (Bits == 8) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i *>(codes)));
  } else {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(codes));
  }
}

// Tile [padded K / 2, rows, 2] of int16, or [padded K / 4, rows, 4] of int8. Eight blocks of all rows are transposed at
// once; each vector of a block is stored whole and the next one overwrites what lies behind its rows.
template <int Bits>
void pack_tile(const int8_t *codes, size_t stride, uint32_t rows, const KAxis &axis, void *tile, int32_t *starts) {
  constexpr uint32_t BLOCKS = 8;
  const __m256i ones8 = _mm256_set1_epi8(1), ones16 = _mm256_set1_epi16(1);
  int32_t *to = static_cast<int32_t *>(tile);
  for (uint32_t group = 0; group < axis.groups; group++) {
    const uint32_t size = group_size(axis, group);
    const uint32_t blocks = padded_group_size(axis, group) / block<Bits>;
    __m256i sums = _mm256_setzero_si256();
    for (uint32_t first = 0; first < blocks; first += BLOCKS) {
      const uint32_t k = first * block<Bits>;
      __m256i vectors[BLOCKS];
      for (uint32_t row = 0; row < BLOCKS; row++) {
        vectors[row] =
            row < rows && k < size ? load_blocks<Bits>(codes + row * stride + k, size - k) : _mm256_setzero_si256();
      }
      transpose(vectors);
      const uint32_t count = blocks - first < BLOCKS ? blocks - first : BLOCKS;
      for (uint32_t i = 0; i < count; i++) {
        if constexpr (offset<Bits> != 0) {
          sums = _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_maddubs_epi16(ones8, vectors[i]), ones16));
        }
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(to), vectors[i]);
        to += rows;
      }
    }
    const __m256i correction = _mm256_mullo_epi32(sums, _mm256_set1_epi32(-offset<Bits>));
    alignas(32) int32_t lanes[8];
    _mm256_store_si256(reinterpret_cast<__m256i *>(lanes), correction);
    memcpy(starts, lanes, rows * sizeof(int32_t));
    starts += rows;
    codes += size;
  }
}

// ---- one row of floats ----

// Each multiplies the next k codes of a panel by x [k]; the sums of COLUMNS outputs.
[[gnu::always_inline]] inline void multiply_vector_int8(__m256 (&sums)[VECTORS], Position &at, const float *x,
                                                        uint32_t k) {
  __m256 quarters[4]; // 4 outputs, of each the sums of its even and its odd codes
  for (__m256 &quarter : quarters) quarter = _mm256_setzero_ps();
  for (const float *end = x + k; x < end; x += step<8>) {
    const __m256 pair = _mm256_castpd_ps(_mm256_broadcast_sd(reinterpret_cast<const double *>(x)));
    prefetch_panel<COLUMNS * block<8>>(at);
    for (int i = 0; i < 4; i++) {
      const __m128i codes = _mm_loadl_epi64(reinterpret_cast<const __m128i *>(at.panel + 8 * i));
      quarters[i] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes)), pair, quarters[i]);
    }
    at.panel += COLUMNS * block<8>;
  }
  for (int v = 0; v < VECTORS; v++) {
    const __m256d mixed = _mm256_castps_pd(_mm256_hadd_ps(quarters[2 * v], quarters[2 * v + 1]));
    sums[v] = _mm256_castpd_ps(_mm256_permute4x64_pd(mixed, 0xd8));
  }
}

// The code from bit `at` on of every int32, as a float. With the code as the lowest bits of a mantissa whose last place
// is 1, the float is a power of two plus the code; the subtraction is exact.
template <int at>
[[gnu::always_inline]] inline __m256 widen_int4(__m256i packed) {
  static_assert(at + 4 < 23);
  constexpr int exponent = 23 - at;
  const __m256i bits =
      _mm256_or_si256(_mm256_and_si256(packed, _mm256_set1_epi32(15 << at)), _mm256_set1_epi32((127 + exponent) << 23));
  return _mm256_sub_ps(_mm256_castsi256_ps(bits), _mm256_set1_ps(static_cast<float>((1 << exponent) + offset<4>)));
}

template <int at>
[[gnu::always_inline]] inline void widen_multiply_add(__m256 (&sums)[VECTORS], const __m256i (&packed)[VECTORS],
                                                      const float *x) {
  const __m256 factor = _mm256_broadcast_ss(x);
  for (int v = 0; v < VECTORS; v++) sums[v] = _mm256_fmadd_ps(widen_int4<at>(packed[v]), factor, sums[v]);
}

[[gnu::always_inline]] inline void multiply_vector_int4(__m256 (&sums)[VECTORS], Position &at, const float *x,
                                                        uint32_t k) {
  __m256 even[VECTORS], odd[VECTORS];
  for (int v = 0; v < VECTORS; v++) even[v] = odd[v] = _mm256_setzero_ps();
  for (const float *end = x + k; x < end; x += step<4>) {
    prefetch_panel<COLUMNS * block<4>>(at);
    __m256i packed[VECTORS] = {load(at.panel), load(at.panel + 32)};
    widen_multiply_add<0>(even, packed, x);
    widen_multiply_add<8>(odd, packed, x + 1);
    widen_multiply_add<4>(even, packed, x + 4);
    widen_multiply_add<12>(odd, packed, x + 5);
    for (__m256i &upper : packed) upper = _mm256_srli_epi32(upper, 16);
    widen_multiply_add<0>(even, packed, x + 2);
    widen_multiply_add<8>(odd, packed, x + 3);
    widen_multiply_add<4>(even, packed, x + 6);
    widen_multiply_add<12>(odd, packed, x + 7);
    at.panel += COLUMNS * block<4>;
  }
  for (int v = 0; v < VECTORS; v++) sums[v] = _mm256_add_ps(even[v], odd[v]);
}

template <int Bits>
void multiply_vector(const void *vector, const WeightPanel &panel, const KAxis &axis, float *out) {
  const float *x = static_cast<const float *>(vector);
  Position at = {nullptr, panel.codes, panel.prefetch, panel.prefetch_step};
  const float *scales = panel.scales;
  __m256 results[VECTORS] = {};
  for (uint32_t group = 0; group < axis.groups; group++) {
    const uint32_t k = padded_group_size(axis, group);
    __m256 sums[VECTORS];
    if constexpr (Bits == 8) {
      multiply_vector_int8(sums, at, x, k);
    } else {
      multiply_vector_int4(sums, at, x, k);
    }
    for (int v = 0; v < VECTORS; v++) {
      results[v] = _mm256_fmadd_ps(sums[v], _mm256_load_ps(scales + 8 * v), results[v]);
    }
    x += k;
    scales += COLUMNS;
  }
  for (int v = 0; v < VECTORS; v++) {
    _mm256_storeu_ps(out + 8 * v, _mm256_add_ps(results[v], _mm256_load_ps(panel.bias + 8 * v)));
  }
}

template <int Bits>
constexpr IntegerFormat format = {
    .max_rows = MAX_ROWS,
    .row_multiple = 1,
    .activation_bytes = Bits == 8 ? sizeof(int16_t) : sizeof(int8_t),
    .block = block<Bits>,
    .step = step<Bits>,
    .offset = offset<Bits>,
    .pack_tile = pack_tile<Bits>,
    .multiply_by_channel = multiply_each<float, COLUMNS, multiply_by_channel<Bits>>,
    .multiply_by_group = multiply_each<float, COLUMNS, multiply_by_group<Bits>>,
    .multiply_int32 = Bits == 8 ? multiply_each<int32_t, COLUMNS, multiply_int32> : nullptr,
    .pack_vector = pack_float_vector,
    .multiply_vector = multiply_vector<Bits>,
};

constexpr IntegerKernels kernels = {COLUMNS, size_t{768} << 10, format<8>, format<4>};

} // namespace

const IntegerKernels *integer_kernels_avx2() { return &kernels; }

} // namespace cider
