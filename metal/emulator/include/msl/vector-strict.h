// vec<T, N> for `--strict`: the compiler's own vectors, which may live in any address space. They convert, mix and
// swizzle as Metal's do. What they lack, the translator writes differently: float4(…) becomes
// emulator::make<float4>(…).
#pragma once

#include "shape.h"

namespace metal {
template <class T, int N>
using vec = T __attribute__((ext_vector_type(N)));
template <class T, int N>
using packed_vec = vec<T, N>;
} // namespace metal

namespace emulator {

template <class T, int N>
struct Shape<T __attribute__((ext_vector_type(N)))> {
  using Element = T;
  static constexpr int size = N;
};

template <class V, class A>
constexpr void append(V &to, int &at, A part) {
  if constexpr (Scalar<A>) {
    to[at++] = Element<V>(part);
  } else {
    for (int i = 0; i < size_of<A>; i++) to[at++] = Element<V>(part[i]);
  }
}

template <class V, class... A>
constexpr V make(A... parts) {
  constexpr int size = (size_of<A> + ... + 0);
  static_assert(size == size_of<V> || (size == 1 && sizeof...(A) == 1), "as many elements as the vector has");
  V result{};
  int at = 0;
  (append(result, at, parts), ...);
  return result;
}

} // namespace emulator

// In a struct that lives in device, constant or threadgroup memory. It is then no aggregate any more: the constructor
// of several values stands for its list of members.
#define EMULATOR_COPIES(Name)                                                                                          \
  Name() = default;                                                                                                    \
  Name(const Name &) = default;                                                                                        \
  Name &operator=(const Name &) = default;                                                                             \
  Name(const __attribute__((address_space(1))) Name &);                                                                \
  Name(const __attribute__((address_space(2))) Name &);                                                                \
  Name(const __attribute__((address_space(3))) Name &);                                                                \
  template <class... Members>                                                                                          \
    requires(sizeof...(Members) > 1)                                                                                   \
  Name(Members...);
