// Float products for AMX (TILE, BF16), with AVX-512 and its BF16 around them.
//
// TDPBF16PS multiplies a tile of 16 rows by 32 k of activations by a tile of 32 k of 16 outputs. Two of the eight tile
// registers hold the sums of 16 rows by 32 outputs, to which high and low parts of the activations add alike. Sums of
// 32 rows in four registers would load fewer tiles, but were slower by a tenth: such activations leave no room in a
// first-level cache. The pairs of a panel as they lie in memory are a tile with 128 bytes from row to row.
#include <immintrin.h>

#include <bit>

#include "float-kernels.h"
#include "float-split.h"
#include "tiles-amx.h"

namespace cider {
namespace {

constexpr int COLUMNS = 32;
constexpr uint32_t TILE_ROWS = 16;
constexpr size_t DEPTH_BYTES = SPLIT_DEPTH * sizeof(uint16_t); // of a row of a tile of activations
constexpr size_t PAIRS_BYTES = COLUMNS * 2 * sizeof(uint16_t); // of a row of a panel
constexpr size_t STEP_BYTES = SPLIT_DEPTH / 2 * PAIRS_BYTES;

// ---- activations ----

// SPLIT_DEPTH numbers of a row.
struct Numbers {
  __m512 first, second;
};
struct Parts {
  __m512i high, low; // bf16
};

inline __m512i round_to_bf16(const Numbers &x) {
  return std::bit_cast<__m512i>(_mm512_cvtne2ps_pbh(x.second, x.first));
}

inline __m512 widen(__m256i bf16) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bf16), 16)); }

// Where `x` is finite, x less its high part.
inline __m512 rest(__m512 x, __m256i high, __mmask16 is_finite) {
  return _mm512_maskz_sub_ps(is_finite, x, widen(high));
}

inline Parts split(const Numbers &x) {
  // From here on a number rounds to infinity.
  const __m512i overflow = _mm512_set1_epi32(0x7f7f8000);
  const auto magnitude = [](__m512 y) {
    return _mm512_and_si512(_mm512_castps_si512(y), _mm512_set1_epi32(0x7fffffff));
  };
  __m512i high = round_to_bf16(x);
  __mmask16 finite[2] = {0xffff, 0xffff};
  const __mmask16 large[2] = {_mm512_cmpge_epi32_mask(magnitude(x.first), overflow),
                              _mm512_cmpge_epi32_mask(magnitude(x.second), overflow)};
  if (__builtin_expect((large[0] | large[1]) != 0, 0)) {
    // Finite numbers are cut off instead, which leaves more to the low part.
    const __m512i infinity = _mm512_set1_epi32(0x7f800000);
    finite[0] = _mm512_cmplt_epi32_mask(magnitude(x.first), infinity);
    finite[1] = _mm512_cmplt_epi32_mask(magnitude(x.second), infinity);
    const __m256i cut[2] = {_mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(x.first), 16)),
                            _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(x.second), 16))};
    const __mmask32 is_cut = static_cast<__mmask32>(large[0] & finite[0]) | static_cast<__mmask32>(large[1] & finite[1])
                                                                                << 16;
    high = _mm512_mask_mov_epi16(high, is_cut, _mm512_inserti64x4(_mm512_castsi256_si512(cut[0]), cut[1], 1));
  }
  const __m512i low = round_to_bf16({rest(x.first, _mm512_castsi512_si256(high), finite[0]),
                                     rest(x.second, _mm512_extracti64x4_epi64(high, 1), finite[1])});
  return {high, low};
}

// By SPLIT_DEPTH k: high [rows, SPLIT_DEPTH], then low.
void pack_tile(const float *x, size_t rows, size_t k, void *tile) {
  auto *out = static_cast<uint8_t *>(tile);
  for (size_t from = 0; from < k; from += SPLIT_DEPTH) {
    const size_t left = k - from;
    const __mmask32 mask = left < SPLIT_DEPTH ? (__mmask32{1} << left) - 1 : ~__mmask32{0};
    for (size_t row = 0; row < rows; row++) {
      const float *source = x + row * k + from;
      const Parts parts = split({_mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), source),
                                 _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask >> 16), source + 16)});
      _mm512_store_si512(out + row * DEPTH_BYTES, parts.high);
      _mm512_store_si512(out + (rows + row) * DEPTH_BYTES, parts.low);
    }
    out += 2 * rows * DEPTH_BYTES;
  }
}

// ---- weights ----

// An even k beside the odd k after it.
inline __m512i pairs_of(const __m512i &bf16) {
  const __m512i even = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(bf16));
  const __m512i odd = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(bf16, 1));
  return _mm512_or_si512(even, _mm512_slli_epi32(odd, 16));
}

void split_panel(const float *weights, uint32_t depth, uint8_t *high, uint8_t *low) {
  for (size_t at = 0; at < depth / 2 * PAIRS_BYTES; at += PAIRS_BYTES, weights += 2 * COLUMNS) {
    for (int c = 0; c < COLUMNS; c += 16) {
      const Parts parts = split({_mm512_loadu_ps(weights + c), _mm512_loadu_ps(weights + COLUMNS + c)});
      _mm512_store_si512(high + at + 4 * c, pairs_of(parts.high));
      _mm512_store_si512(low + at + 4 * c, pairs_of(parts.low));
    }
  }
}

// ---- products ----

// Numbers of tile registers, which are immediates of the instructions; each names the first of a pair: columns of sums
// and weights, high and low activations.
constexpr int SUMS = 0;
constexpr int WEIGHTS = 4;
constexpr int ACTIVATIONS = 6;

// Into the second-level cache; `from` is where to go on.
[[gnu::always_inline]] inline void fetch(uintptr_t &from, uint32_t bytes) {
  for (const uintptr_t end = from + bytes; from < end; from += 64) {
    _mm_prefetch(reinterpret_cast<const char *>(from), _MM_HINT_T1);
  }
}

template <bool HighOnly>
[[gnu::noinline]] void multiply_parts(const SplitProduct &product) {
  const TileRegisters registers({product.rows, 64}, {SPLIT_DEPTH / 2, 64}, {product.rows, 64});
  const size_t part_bytes = product.rows * DEPTH_BYTES;
  const size_t addend_bytes = product.addend.stride * sizeof(float);
  const size_t out_bytes = product.out.stride * sizeof(float);
  uintptr_t next_tile = reinterpret_cast<uintptr_t>(product.fetch.tile);
  for (uint32_t i = 0; i < product.count; i++) {
    const uint8_t *panel = product.panels + i * product.panel_bytes;
    const uint8_t *tile = static_cast<const uint8_t *>(product.tile);
    const float *addend = product.addend.data + i * product.addend.panel_stride;
    float *out = product.out.data + i * product.out.panel_stride;
    uintptr_t next_panel = reinterpret_cast<uintptr_t>(panel) + product.fetch.panel_distance;
    _tile_loadd(SUMS, addend, addend_bytes);
    _tile_loadd(SUMS + 1, addend + 16, addend_bytes);
    for (uint32_t k = 0; k < product.depth; k += SPLIT_DEPTH, panel += STEP_BYTES, tile += 2 * part_bytes) {
      fetch(next_panel, product.fetch.panel_bytes);
      fetch(next_tile, product.fetch.tile_bytes);
      _tile_loadd(WEIGHTS, panel, PAIRS_BYTES);
      _tile_loadd(WEIGHTS + 1, panel + PAIRS_BYTES / 2, PAIRS_BYTES);
      _tile_loadd(ACTIVATIONS, tile, DEPTH_BYTES);
      _tile_dpbf16ps(SUMS, ACTIVATIONS, WEIGHTS);
      _tile_dpbf16ps(SUMS + 1, ACTIVATIONS, WEIGHTS + 1);
      if constexpr (!HighOnly) {
        _tile_loadd(ACTIVATIONS + 1, tile + part_bytes, DEPTH_BYTES);
        _tile_dpbf16ps(SUMS, ACTIVATIONS + 1, WEIGHTS);
        _tile_dpbf16ps(SUMS + 1, ACTIVATIONS + 1, WEIGHTS + 1);
      }
    }
    _tile_stored(SUMS, out, out_bytes);
    _tile_stored(SUMS + 1, out + 16, out_bytes);
  }
}

void multiply(const SplitProduct &product) {
  (product.high_only ? multiply_parts<true> : multiply_parts<false>)(product);
}

constexpr SplitKernels split_kernels = {TILE_ROWS, pack_tile, split_panel, multiply};

FloatKernels float_kernels;

} // namespace

const FloatKernels *float_kernels_amx() {
  float_kernels = *float_kernels_avx512();
  float_kernels.split = &split_kernels;
  float_kernels.attention = attention_kernels_amx();
  return &float_kernels;
}

} // namespace cider
