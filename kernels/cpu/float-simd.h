// Vectors of f32 for the float kernels, by the vector extension of the compiler. The file that includes this one says
// before how wide they are:
//
//   LANES          f32 in a register
//   PANEL_VECTORS  registers across a panel
//   TILE_ROWS      rows of the largest tile
//
// Fused multiply-adds must be an instruction. Everything is local to the including file, since each is compiled for its
// own instruction set.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace cider {
namespace {

constexpr uint32_t PANEL = PANEL_VECTORS * LANES;
constexpr size_t CACHE_LINE = 64;

using Floats = float __attribute__((ext_vector_type(LANES)));
using Doubles = double __attribute__((ext_vector_type(LANES)));
using Words = uint32_t __attribute__((ext_vector_type(LANES)));
using Integers = int32_t __attribute__((ext_vector_type(LANES)));
using LongWords = uint64_t __attribute__((ext_vector_type(LANES)));

template <class Vector>
inline Vector load(const void *source) {
  Vector vector;
  memcpy(&vector, source, sizeof vector);
  return vector;
}

template <class Vector>
inline void store(void *target, Vector vector) {
  memcpy(target, &vector, sizeof vector);
}

template <class To, class From>
inline To bits_as(From vector) {
  return __builtin_bit_cast(To, vector);
}

template <class Vector>
inline Vector multiply_add(Vector a, Vector b, Vector c) {
  return __builtin_elementwise_fma(a, b, c);
}

// Lanes of a where the comparison holds, of b elsewhere.
template <class Vector, class Mask>
inline Vector select(Mask mask, Vector a, Vector b) {
  return mask ? a : b;
}

// Calls body(from, count) for each vector of `count` elements, of which the last may be shorter.
template <class Body>
inline void for_each_vector(size_t count, Body body) {
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) body(i, LANES);
  if (i < count) body(i, static_cast<uint32_t>(count - i));
}

// The first `count` lanes from memory, `fill` in the others.
inline Floats load_part(const float *source, uint32_t count, float fill) {
  if (count == LANES) return load<Floats>(source);
  Floats vector = fill;
  memcpy(&vector, source, count * sizeof(float));
  return vector;
}

// The same of a vector.
inline Floats first_lanes(Floats vector, uint32_t count, float fill) {
  return load_part(reinterpret_cast<const float *>(&vector), count, fill);
}

inline void store_part(float *target, Floats vector, uint32_t count) {
  if (count == LANES) return store(target, vector);
  memcpy(target, &vector, count * sizeof(float));
}

} // namespace
} // namespace cider
