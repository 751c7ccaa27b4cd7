// The quantizers of quantize.h, written once over the vectors of an instruction set. A file quantize-<isa>.cpp supplies
// `Lanes`:
//
//   width                              elements of a vector
//   Floats load(const Element *)       the next `width` elements, widened to f32
//   Floats splat(float)
//   Floats multiply(Floats, Floats)    one f32 product
//   Floats divide(Floats, Floats)      one f32 quotient
//   Magnitudes none()                  all 0
//   Magnitudes larger(Magnitudes, Floats)  lane by lane, of f32 bits without their sign
//   uint32_t largest(Magnitudes)       of all lanes
//   void store_codes(Floats, CodeRange, int8_t *)  clamp(rint(x)) for |x| < 2^22
//
// Magnitudes compare as integers: infinity is the largest number and every NaN is larger still, so that a maximum tells
// whether all is finite.
//
// Everything here is local to the file that includes it, since each is compiled for its own instruction set.
#pragma once

#include <string.h>

#include "kernel-table.h"
#include "quantize.h"

namespace cider {
namespace {

// Elements as they lie in a file: of bytes, so that nothing assumes an alignment.
struct F32 {
  uint8_t bytes[4];
};
struct F16 {
  uint8_t bytes[2];
};
struct BF16 {
  uint8_t bytes[2];
};

constexpr uint32_t INFINITY_BITS = 0x7f800000;
constexpr uint32_t SMALLEST_NORMAL_BITS = 0x00800000;
constexpr uint32_t QUIET_NAN_BITS = 0x7fc00000;

inline float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// Whether a positive f32 is neither zero, subnormal, infinite nor NaN.
inline bool is_normal(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits >= SMALLEST_NORMAL_BITS && bits < INFINITY_BITS;
}

// Fewer elements than a vector has, followed by zeros.
template <class Lanes, class Element>
inline typename Lanes::Floats load_tail(const Element *source, size_t count) {
  Element padded[Lanes::width] = {};
  memcpy(padded, source, count * sizeof(Element));
  return Lanes::load(padded);
}

// f32 bits of the largest magnitude of source [count].
template <class Lanes, class Element>
inline uint32_t absmax_bits(const Element *source, size_t count) {
  typename Lanes::Magnitudes magnitudes = Lanes::none();
  size_t k = 0;
  for (; k + Lanes::width <= count; k += Lanes::width) magnitudes = Lanes::larger(magnitudes, Lanes::load(source + k));
  if (k < count) magnitudes = Lanes::larger(magnitudes, load_tail<Lanes>(source + k, count - k));
  return Lanes::largest(magnitudes);
}

// Brings in what lies `elements` further on, if it exists.
template <class Element>
inline void prefetch(const Element *source, size_t elements) {
  __builtin_prefetch(reinterpret_cast<const void *>(reinterpret_cast<uintptr_t>(source) + elements * sizeof(Element)));
}

// codes [count] = clamp(rint(scaled(source [count]))). Rows follow one another in memory: to read the same elements of
// the next one meanwhile, `columns` further on, keeps memory busy while this one is computed from the cache.
template <class Lanes, class Element, class Scaled>
inline void store_scaled(const Element *source, size_t count, size_t columns, CodeRange range, int8_t *codes,
                         Scaled scaled) {
  size_t k = 0;
  for (; k + Lanes::width <= count; k += Lanes::width) {
    if constexpr (Lanes::width > 1) prefetch(source + k, columns);
    Lanes::store_codes(scaled(Lanes::load(source + k)), range, codes + k);
  }
  if (k < count) {
    int8_t padded[Lanes::width];
    Lanes::store_codes(scaled(load_tail<Lanes>(source + k, count - k)), range, padded);
    memcpy(codes + k, padded, count - k);
  }
}

template <class Lanes>
float quantize_row(const float *x, uint32_t k, int8_t *codes) {
  using Floats = typename Lanes::Floats;
  const F32 *source = reinterpret_cast<const F32 *>(x);
  const uint32_t bits = absmax_bits<Lanes>(source, k);
  const float absmax = float_of_bits(bits);
  const float scale = absmax / 127.0f;
  const float inverse = 127.0f / absmax;
  if (!is_normal(scale) || !is_normal(inverse)) {
    memset(codes, 0, k);
    return bits < INFINITY_BITS ? 1.0f : float_of_bits(QUIET_NAN_BITS);
  }
  const Floats factor = Lanes::splat(inverse);
  store_scaled<Lanes>(source, k, k, code_range(8), codes,
                      [&](Floats values) { return Lanes::multiply(values, factor); });
  return scale;
}

// Group `g` of a row.
struct Group {
  size_t from, count;
};
inline Group group_of(uint32_t g, uint32_t columns, uint32_t group_size) {
  const size_t from = size_t{g} * group_size;
  const size_t left = columns - from;
  return {from, group_size != 0 && group_size < left ? group_size : left};
}

// The maxima of a whole row come first: a loop that does little else reads memory further ahead.
template <class Lanes, class Element>
bool quantize_groups(const void *row, uint32_t columns, uint32_t group_size, CodeRange range, int8_t *codes,
                     float *scales) {
  using Floats = typename Lanes::Floats;
  const Element *source = static_cast<const Element *>(row);
  const uint32_t groups = groups_per_row(columns, group_size);
  for (uint32_t g = 0; g < groups; g++) {
    const auto [from, count] = group_of(g, columns, group_size);
    const uint32_t bits = absmax_bits<Lanes>(source + from, count);
    if (bits >= INFINITY_BITS) return false;
    const float scale = float_of_bits(bits) / range.divisor;
    scales[g] = is_normal(scale) ? scale : 0.0f;
  }
  for (uint32_t g = 0; g < groups; g++) {
    const auto [from, count] = group_of(g, columns, group_size);
    if (scales[g] == 0.0f) {
      scales[g] = 1.0f;
      memset(codes + from, 0, count);
      continue;
    }
    const Floats divisor = Lanes::splat(scales[g]);
    store_scaled<Lanes>(source + from, count, columns, range, codes + from,
                        [&](Floats values) { return Lanes::divide(values, divisor); });
  }
  return true;
}

template <class Lanes>
constexpr QuantizeKernels quantize_kernels = {
    quantize_row<Lanes>,
    {quantize_groups<Lanes, F32>, quantize_groups<Lanes, F16>, quantize_groups<Lanes, BF16>},
};

} // namespace
} // namespace cider
