// float4 and its like, and packed_float4, which is aligned as its elements are.
#pragma once

#ifndef EMULATOR_STRICT

namespace metal {

template <class T, int N>
struct packed_vec {
  T elements[N];

  packed_vec() = default;
  constexpr EMULATOR_INLINE packed_vec(const vec<T, N> &value) : elements{} {
    for (int i = 0; i < N; i++) elements[i] = value[i];
  }
  constexpr EMULATOR_INLINE operator vec<T, N>() const {
    vec<T, N> value = T(0);
    for (int i = 0; i < N; i++) value[i] = elements[i];
    return value;
  }
  constexpr EMULATOR_INLINE T &operator[](int index) { return elements[index]; }
  constexpr EMULATOR_INLINE const T &operator[](int index) const { return elements[index]; }
};

} // namespace metal

template <class T, int N>
struct emulator::Shape<metal::packed_vec<T, N>> {
  using Element = T;
  static constexpr int size = N;
};

#endif

#define EMULATOR_VECTORS(T)                                                                                            \
  using T##2 = metal::vec<T, 2>;                                                                                       \
  using T##3 = metal::vec<T, 3>;                                                                                       \
  using T##4 = metal::vec<T, 4>;                                                                                       \
  using packed_##T##2 = metal::packed_vec<T, 2>;                                                                       \
  using packed_##T##3 = metal::packed_vec<T, 3>;                                                                       \
  using packed_##T##4 = metal::packed_vec<T, 4>;
EMULATOR_VECTORS(bool)
EMULATOR_VECTORS(char)
EMULATOR_VECTORS(uchar)
EMULATOR_VECTORS(short)
EMULATOR_VECTORS(ushort)
EMULATOR_VECTORS(int)
EMULATOR_VECTORS(uint)
EMULATOR_VECTORS(long)
EMULATOR_VECTORS(ulong)
EMULATOR_VECTORS(half)
EMULATOR_VECTORS(bfloat)
EMULATOR_VECTORS(float)
#undef EMULATOR_VECTORS
