// vec<T, N> as a class: aligned as on the GPU, so that a load from an address that is not is seen. `--strict` replaces
// this file by the compiler's own vectors, see vector-strict.h.
#pragma once

#include "shape.h"
#include "swizzle-names.h"

namespace metal {

template <class T, int N>
struct vec;

// Some elements of a vector, named by letters: lives in the vector's own storage.
template <class T, int N, int... I>
struct Swizzle {
  T elements[N];

  using Value = vec<T, sizeof...(I)>;
  constexpr EMULATOR_INLINE operator Value() const { return Value(elements[I]...); }
  constexpr EMULATOR_INLINE T operator[](int index) const { return Value(*this)[index]; }
  constexpr EMULATOR_INLINE Swizzle &operator=(Value value) { // a copy: it may be this vector
    static_assert(are_distinct(), "a swizzle that is assigned to names an element twice");
    int from = 0;
    ((elements[I] = value[from++]), ...);
    return *this;
  }
  constexpr EMULATOR_INLINE Swizzle &operator=(const Swizzle &other) { return *this = Value(other); }
  template <class B>
  constexpr EMULATOR_INLINE Swizzle &operator+=(const B &b) {
    return *this = Value(*this) + b;
  }
  template <class B>
  constexpr EMULATOR_INLINE Swizzle &operator-=(const B &b) {
    return *this = Value(*this) - b;
  }
  template <class B>
  constexpr EMULATOR_INLINE Swizzle &operator*=(const B &b) {
    return *this = Value(*this) * b;
  }
  template <class B>
  constexpr EMULATOR_INLINE Swizzle &operator/=(const B &b) {
    return *this = Value(*this) / b;
  }

private:
  static constexpr bool are_distinct() {
    constexpr int indices[] = {I...};
    for (int i = 0; i < int(sizeof...(I)); i++) {
      for (int j = 0; j < i; j++) {
        if (indices[i] == indices[j]) return false;
      }
    }
    return true;
  }
};

} // namespace metal

namespace emulator {
template <class T, int N>
struct Shape<metal::vec<T, N>> {
  using Element = T;
  static constexpr int size = N;
};
template <class T, int N, int... I>
struct Shape<metal::Swizzle<T, N, I...>> {
  using Element = T;
  static constexpr int size = sizeof...(I);
};
} // namespace emulator

namespace metal {

// A scalar for all elements; or scalars, vectors and swizzles that have N elements together; or, explicitly, a vector
// of another type. Elements are left as they are by default.
#define EMULATOR_VECTOR_MEMBERS(N)                                                                                     \
  vec() = default;                                                                                                     \
  constexpr EMULATOR_INLINE vec(const vec &other) : elements{} { copy(other); }                                        \
  constexpr EMULATOR_INLINE vec &operator=(const vec &other) { return copy(other); }                                   \
  template <emulator::Scalar S>                                                                                        \
  constexpr EMULATOR_INLINE vec(S value) : elements{} {                                                                \
    for (int i = 0; i < N; i++) elements[i] = T(value);                                                                \
  }                                                                                                                    \
  template <class U>                                                                                                   \
  constexpr EMULATOR_INLINE explicit vec(const vec<U, N> &other) : elements{} {                                        \
    for (int i = 0; i < N; i++) elements[i] = T(other.elements[i]);                                                    \
  }                                                                                                                    \
  template <class U, int M, int... I>                                                                                  \
    requires(sizeof...(I) == N && !__is_same(U, T))                                                                    \
  constexpr EMULATOR_INLINE explicit vec(const Swizzle<U, M, I...> &other) : vec(vec<U, N>(other)) {}                  \
  template <emulator::Shaped... A>                                                                                     \
    requires(sizeof...(A) > 1 && (emulator::size_of<A> + ...) == N)                                                    \
  constexpr EMULATOR_INLINE vec(const A &...parts) : elements{} {                                                      \
    int at = 0;                                                                                                        \
    (append(at, parts), ...);                                                                                          \
  }                                                                                                                    \
  constexpr EMULATOR_INLINE T &operator[](int index) { return elements[emulator::checked_index(index, N)]; }           \
  constexpr EMULATOR_INLINE const T &operator[](int index) const {                                                     \
    return elements[emulator::checked_index(index, N)];                                                                \
  }                                                                                                                    \
                                                                                                                       \
private:                                                                                                               \
  constexpr EMULATOR_INLINE vec &copy(const vec &other) {                                                              \
    for (int i = 0; i < N; i++) elements[i] = other.elements[i];                                                       \
    return *this;                                                                                                      \
  }                                                                                                                    \
  template <class A>                                                                                                   \
  constexpr EMULATOR_INLINE void append(int &at, const A &part) {                                                      \
    if constexpr (emulator::Scalar<A>) {                                                                               \
      elements[at++] = T(part);                                                                                        \
    } else {                                                                                                           \
      for (int i = 0; i < emulator::size_of<A>; i++) elements[at++] = T(part[i]);                                      \
    }                                                                                                                  \
  }

template <class T>
struct alignas(2 * sizeof(T)) vec<T, 2> {
  union {
    T elements[2];
    struct {
      T x, y;
    };
    struct {
      T r, g;
    };
    EMULATOR_SWIZZLES_2(x, y)
    EMULATOR_SWIZZLES_2(r, g)
  };
  EMULATOR_VECTOR_MEMBERS(2)
};

template <class T>
struct alignas(4 * sizeof(T)) vec<T, 3> {
  union {
    T elements[3];
    struct {
      T x, y, z;
    };
    struct {
      T r, g, b;
    };
    EMULATOR_SWIZZLES_3(x, y, z)
    EMULATOR_SWIZZLES_3(r, g, b)
  };
  EMULATOR_VECTOR_MEMBERS(3)
};

template <class T>
struct alignas(4 * sizeof(T)) vec<T, 4> {
  union {
    T elements[4];
    struct {
      T x, y, z, w;
    };
    struct {
      T r, g, b, a;
    };
    EMULATOR_SWIZZLES_4(x, y, z, w)
    EMULATOR_SWIZZLES_4(r, g, b, a)
  };
  EMULATOR_VECTOR_MEMBERS(4)
};

#undef EMULATOR_VECTOR_MEMBERS

} // namespace metal
