// <metal_atomic>: relaxed atomics, as pointers to any address space.
#pragma once

#include "traits.h"

namespace metal {

template <class T>
struct atomic {
  T value;
};
using atomic_int = atomic<int>;
using atomic_uint = atomic<uint>;
using atomic_float = atomic<float>;

enum memory_order { memory_order_relaxed };

#define EMULATOR_FETCH(name, builtin)                                                                                  \
  template <class A, class U>                                                                                          \
  EMULATOR_INLINE auto atomic_fetch_##name##_explicit(A *object, U operand, memory_order) {                            \
    using T = __remove_cvref(decltype(object->value));                                                                 \
    return builtin(&object->value, T(operand), __ATOMIC_RELAXED);                                                      \
  }
EMULATOR_FETCH(add, __atomic_fetch_add)
EMULATOR_FETCH(sub, __atomic_fetch_sub)
EMULATOR_FETCH(min, __atomic_fetch_min)
EMULATOR_FETCH(max, __atomic_fetch_max)
EMULATOR_FETCH(and, __atomic_fetch_and)
EMULATOR_FETCH(or, __atomic_fetch_or)
EMULATOR_FETCH(xor, __atomic_fetch_xor)
#undef EMULATOR_FETCH

template <class A>
EMULATOR_INLINE auto atomic_load_explicit(const A *object, memory_order) {
  __remove_cvref(decltype(object->value)) result;
  __atomic_load(&object->value, &result, __ATOMIC_RELAXED);
  return result;
}
template <class A, class U>
EMULATOR_INLINE void atomic_store_explicit(A *object, U desired, memory_order) {
  __remove_cvref(decltype(object->value)) value(desired);
  __atomic_store(&object->value, &value, __ATOMIC_RELAXED);
}
template <class A, class U>
EMULATOR_INLINE auto atomic_exchange_explicit(A *object, U desired, memory_order) {
  __remove_cvref(decltype(object->value)) value(desired), result;
  __atomic_exchange(&object->value, &value, &result, __ATOMIC_RELAXED);
  return result;
}
template <class A, class T, class U>
EMULATOR_INLINE bool atomic_compare_exchange_weak_explicit(A *object, T *expected, U desired, memory_order,
                                                           memory_order) {
  __remove_cvref(decltype(object->value)) value(desired);
  return __atomic_compare_exchange(&object->value, expected, &value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

} // namespace metal
