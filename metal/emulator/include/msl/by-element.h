// A function applied to each element of its arguments; scalars among them serve for all elements.
#pragma once

#include "traits.h"

namespace emulator {

template <class A>
constexpr EMULATOR_INLINE Element<A> element(const A &a, int index) {
  if constexpr (Scalar<A>) {
    return a;
  } else {
    return a[index];
  }
}

template <class T, int size>
struct ByElement {
  using Type = metal::vec<T, size>;
};
template <class T>
struct ByElement<T, 1> {
  using Type = T;
};
template <class T, int size>
using ByElementOf = typename ByElement<T, size>::Type;

template <class F, class A, class... Rest>
constexpr EMULATOR_INLINE auto by_element(const F &function, const A &a, const Rest &...rest) {
  constexpr int size = [] {
    int most = size_of<A>;
    ((most = size_of<Rest> > most ? size_of<Rest> : most), ...);
    return most;
  }();
  using R = decltype(function(element(a, 0), element(rest, 0)...));
  if constexpr (size == 1) {
    return function(a, rest...);
  } else {
    ByElementOf<R, size> result = R(0);
    for (int i = 0; i < size; i++) result[i] = function(element(a, i), element(rest, i)...);
    return result;
  }
}

} // namespace emulator
