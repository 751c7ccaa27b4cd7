// What a translated source needs besides the language: its kernels with their bindings, function constants, and
// variables in threadgroup memory.
#pragma once

#include "vector-names.h"
#include "emulator/runtime.h"

namespace emulator {

// ---- threadgroup variables ----

// Variable is a type of its own for each variable of a kernel, and for each instance of a template.
#ifdef EMULATOR_STRICT
template <class Variable>
__attribute__((address_space(3))) Variable &threadgroup_variable() {
  static __attribute__((address_space(3))) char memory[sizeof(Variable)]; // never run: the place alone matters
  return *reinterpret_cast<__attribute__((address_space(3))) Variable *>(memory);
}
#else
template <class Variable>
inline char threadgroup_key = 0;

template <class Variable>
EMULATOR_INLINE Variable &threadgroup_variable() {
  return *static_cast<Variable *>(emulator_threadgroup_variable(&threadgroup_key<Variable>, sizeof(Variable)));
}
#endif

// ---- function constants ----

// Has its value when a pipeline runs, not when the library is loaded.
template <class T>
struct SpecializedConstant {
  T value;
  bool is_set;
  operator T() const { return value; }
};

// A program-scope constant that depends on one.
template <class T>
struct DerivedConstant {
  T (*evaluate)();
  operator T() const { return evaluate(); }
};

struct ConstantRegistration {
  FunctionConstant constant;
  template <class T>
  ConstantRegistration(const char *name, int index, SpecializedConstant<T> &storage)
      : constant{name, index, &storage.value, sizeof(T), &storage.is_set} {
    emulator_register_constant(&constant);
  }
};

// ---- bindings ----

template <int kind_of_parameter, int index_of_parameter>
struct Binding {
  static constexpr int kind = kind_of_parameter;
  static constexpr int index = index_of_parameter;
};

inline constexpr int BINDINGS = 31; // of a kernel, and of its threadgroup memory

template <class T, class B>
EMULATOR_INLINE T builtin_value() {
  static_assert(is_integer<Element<T>> && (sizeof(Element<T>) == 4 || sizeof(Element<T>) == 2) &&
                    Element<T>(-1) > Element<T>(0),
                "a parameter that names a value of the lane has type uint or ushort, or a vector of them");
  static_assert(size_of<T> == 1 || B::index <= thread_position_in_threadgroup ||
                    (B::index >= threads_per_threadgroup && B::index <= threads_per_grid),
                "this value of the lane is a scalar");
  const Size3 value = emulator_builtin(B::index);
  using E = Element<T>;
  if constexpr (size_of<T> == 1) {
    return E(value.x);
  } else if constexpr (size_of<T> == 2) {
    return T(E(value.x), E(value.y));
  } else {
    return T(E(value.x), E(value.y), E(value.z));
  }
}

// How a parameter of type P gets its value.
template <class P, class B>
struct Argument {
  static_assert(B::kind == builtin_parameter, "a buffer is a pointer or a reference");
  static EMULATOR_INLINE P of(const Arguments &, const Parameter &) { return builtin_value<P, B>(); }
};
template <class P, class B>
struct Argument<P *, B> {
  static_assert(B::kind != builtin_parameter, "a value of the lane is no pointer");
  static_assert(B::kind == builtin_parameter || (B::index >= 0 && B::index < BINDINGS),
                "there are 31 bindings, 0 to 30");
  static EMULATOR_INLINE P *of(const Arguments &arguments, const Parameter &parameter) {
    if constexpr (B::kind == threadgroup_parameter) {
      if (!arguments.threadgroup_memory[B::index]) {
        emulator_diagnose("threadgroup memory %d has no length", B::index);
      }
      return static_cast<P *>(arguments.threadgroup_memory[B::index]);
    } else {
      if (parameter.enabled && !*parameter.enabled) return nullptr;
      if (!arguments.buffers[B::index]) emulator_diagnose("buffer %d is not bound", B::index);
      return static_cast<P *>(arguments.buffers[B::index]);
    }
  }
};
template <class P, class B>
struct Argument<P &, B> {
  static_assert(B::kind == buffer_parameter, "a reference is a buffer");
  static_assert(B::index >= 0 && B::index < BINDINGS, "there are 31 bindings, 0 to 30");
  static EMULATOR_INLINE P &of(const Arguments &arguments, const Parameter &parameter) {
    P *pointer = Argument<P *, B>::of(arguments, parameter);
    const bool is_enabled = !parameter.enabled || *parameter.enabled;
    if (is_enabled && arguments.bytes[B::index] < sizeof(P)) {
      emulator_diagnose("buffer %d has %zu bytes, the kernel's parameter %zu", B::index, arguments.bytes[B::index],
                        sizeof(P));
    }
    return *pointer;
  }
};

template <class... B>
constexpr bool are_distinct() {
  constexpr int kinds[] = {B::kind..., builtin_parameter}, indices[] = {B::index..., 0};
  for (size_t i = 0; i < sizeof...(B); i++) {
    for (size_t j = 0; j < i; j++) {
      if (kinds[i] != builtin_parameter && kinds[i] == kinds[j] && indices[i] == indices[j]) return false;
    }
  }
  return true;
}

template <size_t... I>
struct Indices {};

// A function of parameters P as the runtime calls it, for one lane.
template <auto function, class... B>
struct KernelOf;
template <class... P, void (*function)(P...), class... B>
struct KernelOf<function, B...> {
  static constexpr int parameter_count = sizeof...(P);
  static_assert(sizeof...(P) == sizeof...(B));
  static_assert(are_distinct<B...>(), "two parameters have one binding");

  template <size_t... I>
  static EMULATOR_INLINE void call(Indices<I...>, const Arguments &arguments, const Parameter *parameters) {
    function(Argument<P, B>::of(arguments, parameters[I])...);
  }
  static void run_lane(const Arguments &arguments, const Parameter *parameters) {
    call(__make_integer_seq<IndexSequence, size_t, sizeof...(P)>::of(), arguments, parameters);
  }

private:
  template <class, size_t... I>
  struct IndexSequence {
    static constexpr Indices<I...> of() { return {}; }
  };
};

struct KernelRegistration {
  Kernel kernel;
  KernelRegistration(const char *name, KernelFunction function, const Parameter *parameters, int parameter_count,
                     uint32_t max_threads)
      : kernel{name, function, parameters, parameter_count, max_threads} {
    emulator_register_kernel(&kernel);
  }
};

} // namespace emulator

namespace metal {
template <class T>
EMULATOR_INLINE bool is_function_constant_defined(const emulator::SpecializedConstant<T> &constant) {
  return constant.is_set;
}
} // namespace metal
using metal::is_function_constant_defined;
