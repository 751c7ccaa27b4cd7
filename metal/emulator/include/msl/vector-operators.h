// Arithmetic of class vectors, by element. A scalar operand becomes a vector of the other's type; vectors of different
// types do not mix, and a float does not silently become a half.
#pragma once

#include "vector.h"

namespace emulator {

// The element type of a vector operation; void where the operands do not fit.
template <class A, class B>
struct Operands {
  using Element = void;
};
template <Vectorial A, Vectorial B>
  requires Matching<A, B>
struct Operands<A, B> {
  using Element = emulator::Element<A>;
};
template <class V, class S>
inline constexpr bool scalar_fits = is_floating<S> ? is_floating<V> && sizeof(S) <= sizeof(V) : true;
template <Vectorial A, Scalar B>
  requires scalar_fits<Element<A>, B>
struct Operands<A, B> {
  using Element = emulator::Element<A>;
};
template <Scalar A, Vectorial B>
  requires scalar_fits<Element<B>, A>
struct Operands<A, B> {
  using Element = emulator::Element<B>;
};
template <class A, class B>
concept Operable = !__is_void(typename Operands<A, B>::Element);

template <class A, class B>
using Operand = metal::vec<typename Operands<A, B>::Element, common_size<A, B>>;

} // namespace emulator

namespace metal {

#define EMULATOR_OPERATOR(op)                                                                                          \
  template <class A, class B>                                                                                          \
    requires emulator::Operable<A, B>                                                                                  \
  constexpr EMULATOR_INLINE auto operator op(const A &a, const B &b) {                                                 \
    using V = emulator::Operand<A, B>;                                                                                 \
    const V left(a), right(b);                                                                                         \
    V result;                                                                                                          \
    for (int i = 0; i < emulator::size_of<V>; i++) {                                                                   \
      result.elements[i] = emulator::Element<V>(left.elements[i] op right.elements[i]);                                \
    }                                                                                                                  \
    return result;                                                                                                     \
  }                                                                                                                    \
  template <class T, int N, class B>                                                                                   \
    requires emulator::Operable<vec<T, N>, B>                                                                          \
  constexpr EMULATOR_INLINE vec<T, N> &operator op##=(vec<T, N> &a, const B & b) {                                     \
    return a = a op b;                                                                                                 \
  }
EMULATOR_OPERATOR(+)
EMULATOR_OPERATOR(-)
EMULATOR_OPERATOR(*)
EMULATOR_OPERATOR(/)
EMULATOR_OPERATOR(%)
EMULATOR_OPERATOR(&)
EMULATOR_OPERATOR(|)
EMULATOR_OPERATOR(^)
EMULATOR_OPERATOR(<<)
EMULATOR_OPERATOR(>>)
#undef EMULATOR_OPERATOR

#define EMULATOR_COMPARISON(op)                                                                                        \
  template <class A, class B>                                                                                          \
    requires emulator::Operable<A, B>                                                                                  \
  constexpr EMULATOR_INLINE auto operator op(const A &a, const B &b) {                                                 \
    using V = emulator::Operand<A, B>;                                                                                 \
    const V left(a), right(b);                                                                                         \
    vec<bool, emulator::size_of<V>> result;                                                                            \
    for (int i = 0; i < emulator::size_of<V>; i++) result.elements[i] = left.elements[i] op right.elements[i];         \
    return result;                                                                                                     \
  }
EMULATOR_COMPARISON(<)
EMULATOR_COMPARISON(>)
EMULATOR_COMPARISON(<=)
EMULATOR_COMPARISON(>=)
EMULATOR_COMPARISON(==)
EMULATOR_COMPARISON(!=)
EMULATOR_COMPARISON(&&)
EMULATOR_COMPARISON(||)
#undef EMULATOR_COMPARISON

#define EMULATOR_UNARY(op, Result)                                                                                     \
  template <emulator::Vectorial A>                                                                                     \
  constexpr EMULATOR_INLINE auto operator op(const A &a) {                                                             \
    using T = emulator::Element<A>;                                                                                    \
    vec<Result, emulator::size_of<A>> result;                                                                          \
    for (int i = 0; i < emulator::size_of<A>; i++) result.elements[i] = Result(op T(a[i]));                            \
    return result;                                                                                                     \
  }
EMULATOR_UNARY(+, T)
EMULATOR_UNARY(-, T)
EMULATOR_UNARY(~, T)
EMULATOR_UNARY(!, bool)
#undef EMULATOR_UNARY

} // namespace metal
