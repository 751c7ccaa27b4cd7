// What vectors, swizzles and scalars have in common: an element type and a number of elements. Functions that work by
// element are written once, over shapes.
#pragma once

#include "scalars.h"
#include "emulator/runtime.h"

namespace emulator {

template <class T>
inline constexpr bool is_floating = __is_same(T, float) || __is_same(T, half) || __is_same(T, bfloat);
template <class T>
inline constexpr bool is_integer = __is_integral(T) && !__is_same(T, bool);
template <class T>
inline constexpr bool is_scalar = is_floating<T> || __is_integral(T) || __is_enum(T);

template <class A>
struct Shape {
  using Element = A;
  static constexpr int size = is_scalar<A> ? 1 : 0;
};
template <class A>
struct Shape<const A> : Shape<A> {};

template <class A>
using Element = typename Shape<A>::Element;
template <class A>
inline constexpr int size_of = Shape<A>::size;

template <class A>
concept Shaped = size_of<A> > 0;
template <class A>
concept Scalar = size_of<A> == 1;
template <class A>
concept Vectorial = (size_of<A> > 1);
template <class A>
concept Floating = Shaped<A> && is_floating<Element<A>>;
template <class A>
concept Integral = Shaped<A> && is_integer<Element<A>>;
template <class A>
concept Numeric = Floating<A> || Integral<A>;

template <class A, class B>
inline constexpr int common_size = size_of<A> > size_of<B> ? size_of<A> : size_of<B>;
// One element type; as many elements, or a scalar for all of them.
template <class A, class B>
concept Matching = Shaped<A> && Shaped<B> && __is_same(Element<A>, Element<B>) &&
                   (size_of<A> == size_of<B> || size_of<A> == 1 || size_of<B> == 1);

// An index of a vector, which is 0 after a diagnostic if the vector has no such element.
constexpr EMULATOR_INLINE int checked_index(int index, int size) {
  if (index >= 0 && index < size) return index;
  emulator_diagnose("element %d of a vector of %d", index, size);
  return 0;
}

} // namespace emulator
