// How an operation reads and writes a two-dimensional tensor in memory: dynamic extents mask, static ones do not.
#pragma once

#include "tensor.h"

namespace emulator {

template <class X>
inline constexpr bool is_tensor = false;
template <class T, class E, class K>
inline constexpr bool is_tensor<metal::tensor<T, E, K>> = true;

// How many of `wanted` elements of a dimension an operation touches.
template <class X>
EMULATOR_INLINE int reach(const X &tensor, int dimension, int wanted) {
  if (X::extents_type::static_extents[dimension] != metal::dynamic_extent) return wanted;
  const int32_t extent = tensor.get_extent(dimension);
  return extent < 0 ? 0 : extent < wanted ? extent : wanted;
}

template <class X>
EMULATOR_INLINE int64_t offset_of(const X &tensor, int row, int column) {
  return int64_t(row) * tensor.strides[1] + int64_t(column) * tensor.strides[0];
}

template <class X>
EMULATOR_INLINE typename X::Value load_element(const X &tensor, int row, int column) {
  const int64_t offset = offset_of(tensor, row, column);
  if constexpr (X::is_packed) {
    const uint nibble = (tensor.data[offset >> 1] >> (offset & 1) * 4) & 15;
    constexpr uint sign = __is_same(typename X::element_type, metal::int4b_format) ? 8 : 0;
    return typename X::Value(int(nibble ^ sign) - int(sign));
  } else {
    return tensor.data[offset];
  }
}

} // namespace emulator
