// What matmul2d accepts, as far as its headers and those who use them say.
#pragma once

#include "tensor.h"

// The operating system whose headers are emulated: 2605 for 26.5.
#ifndef EMULATOR_OS
#define EMULATOR_OS 2605
#endif

namespace mpp::tensor_ops {

template <class T>
inline constexpr T dynamic_length_v = metal::numeric_limits<T>::max();

struct matmul2d_descriptor {
  enum class mode { multiply, multiply_accumulate };

  int m, n, k;
  bool transpose_left, transpose_right, relaxed_precision;
  mode matmul_mode;

  constexpr matmul2d_descriptor(int m_, int n_, int k_ = static_cast<int>(metal::dynamic_extent),
                                bool transpose_left_ = false, bool transpose_right_ = false,
                                bool relaxed_precision_ = false, mode mode_ = mode::multiply)
      : m(m_), n(n_), k(k_), transpose_left(transpose_left_), transpose_right(transpose_right_),
        relaxed_precision(relaxed_precision_), matmul_mode(mode_) {}

  // K is that of the tensors, which the operation walks through itself.
  constexpr bool has_dynamic_k() const {
    return k == static_cast<int>(metal::dynamic_extent) || k == dynamic_length_v<int>;
  }
};

} // namespace mpp::tensor_ops

namespace emulator {

template <class T, class... Others>
inline constexpr bool is_one_of = (__is_same(T, Others) || ...);

template <class L, class R, class D>
constexpr bool is_legal_triple() {
  using metal::int4b_format;
  using metal::uint4b_format;
  constexpr bool left_is_half = is_one_of<L, half, bfloat>, right_is_half = is_one_of<R, half, bfloat>;
  constexpr bool right_is_integer = is_one_of<R, int8_t, uint8_t, int4b_format, uint4b_format>;
  if (__is_same(L, int8_t) && is_one_of<R, int8_t, int4b_format>) return __is_same(D, int32_t);
  if (__is_same(L, uint8_t) && is_one_of<R, uint8_t, uint4b_format>) return __is_same(D, int32_t);
  if (left_is_half && (__is_same(R, L) || right_is_integer)) return is_one_of<D, L, float>;
  if (is_one_of<L, int8_t, uint8_t> && right_is_half) return is_one_of<D, R, float>;
  return (left_is_half || __is_same(L, float)) && (right_is_half || __is_same(R, float)) && __is_same(D, float);
}

template <class T>
constexpr bool is_element_on_this_os(bool in_memory) {
  if (__is_same(T, bfloat)) return EMULATOR_OS >= 2601;
  if (is_packed<T>) return EMULATOR_OS >= 2604;
  return !is_one_of<T, int8_t, uint8_t> || !in_memory || EMULATOR_OS >= 2604;
}

constexpr bool is_fragment_size(int size) { return size == 16 || size == 32; }

} // namespace emulator
