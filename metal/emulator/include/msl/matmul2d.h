// mpp::tensor_ops::matmul2d: D = A B or D = A B + D, of tensors in memory and of cooperative tensors.
#pragma once

#include "matmul-rules.h"
#include "matmul-run.h"

namespace emulator {

// What a cooperative tensor was made for.
template <mpp::tensor_ops::matmul2d_descriptor descriptor, class Scope, Role role_of_tensor, class Left, class Right,
          class Destination>
struct MatmulPurpose {
  static constexpr Role role = role_of_tensor;
  static constexpr bool is_transposed = role == left_input    ? descriptor.transpose_left
                                        : role == right_input ? descriptor.transpose_right
                                                              : false;
};

template <class X>
inline constexpr bool is_operand = is_tensor<X> || is_cooperative<X>;

} // namespace emulator

namespace mpp::tensor_ops {

template <matmul2d_descriptor descriptor, class Scope>
class matmul2d {
  static constexpr int m = descriptor.m, n = descriptor.n, k = descriptor.k;
  static constexpr bool has_dynamic_k = descriptor.has_dynamic_k();
  static_assert(!metal::is_same_v<Scope, metal::execution_thread>, "execution_thread is not emulated");
  static_assert(m > 0 && n > 0, "M and N are those of the tile of one call");
  static_assert(has_dynamic_k || k > 0, "K is positive, or static_cast<int>(dynamic_extent)");

  template <class T>
  using Bare = metal::remove_addrspace_t<T>;
  template <emulator::Role role, class L, class R, class D>
  using Purpose = emulator::MatmulPurpose<descriptor, Scope, role, L, R, D>;

  template <class L, class R, class D>
  static constexpr void check_input_types() {
    static_assert(!emulator::is_operand<L> && !emulator::is_operand<R> && !emulator::is_operand<D>,
                  "the getters of inputs take element types, not operand types");
    static_assert(emulator::is_legal_triple<L, R, D>(), "no product of these element types exists");
    static_assert(Scope::simdgroups == 1, "cooperative inputs need a single simdgroup");
    static_assert(!has_dynamic_k, "K of a cooperative input is not dynamic");
    static_assert(EMULATOR_OS >= 2603, "cooperative inputs need macOS 26.3");
  }

public:
  template <class L, class R, class D>
  EMULATOR_INLINE auto get_left_input_cooperative_tensor() const {
    check_input_types<L, R, D>();
    constexpr int rows = descriptor.transpose_left ? k : m, columns = descriptor.transpose_left ? m : k;
    return cooperative_tensor<L, rows, columns, 1, Purpose<emulator::left_input, L, R, D>>();
  }
  template <class L, class R, class D>
  EMULATOR_INLINE auto get_right_input_cooperative_tensor() const {
    check_input_types<L, R, D>();
    static_assert(!emulator::is_packed<R>, "4-bit elements cannot be filled in registers, only read from memory");
    constexpr int rows = descriptor.transpose_right ? n : k, columns = descriptor.transpose_right ? k : n;
    return cooperative_tensor<R, rows, columns, 1, Purpose<emulator::right_input, L, R, D>>();
  }
  template <class L, class R, class D>
  EMULATOR_INLINE auto get_destination_cooperative_tensor() const {
    static_assert(emulator::is_operand<L> && emulator::is_operand<R>,
                  "the getter of the destination takes operand types, not element types");
    static_assert(emulator::is_legal_triple<typename L::element_type, typename R::element_type, D>(),
                  "no product of these element types exists");
    return cooperative_tensor<D, m, n, Scope::simdgroups, Purpose<emulator::destination, Bare<L>, Bare<R>, D>>();
  }

  template <class A, class B, class C>
  EMULATOR_INLINE void run(A &left, B &right, C &destination) const {
    check_operands<A, B, C>();
#ifndef EMULATOR_STRICT
    emulator::MatmulSlot<A, B, C> slot = {&left, &right, &destination};
    emulator_collective(Scope::simdgroups == 1 ? 0 : Scope::simdgroups, true, "matmul2d::run", &slot,
                        &emulator::run_matmul<descriptor, A, B, C>);
#endif
  }

private:
  template <class A, class B, class C>
  static constexpr void check_operands() {
    static_assert(!__is_const(A) && !__is_const(B) && !__is_const(C), "run takes tensors that are not const");
    static_assert(emulator::is_operand<A> && emulator::is_operand<B> && emulator::is_operand<C>,
                  "run takes tensors and cooperative tensors");
    using L = typename A::element_type;
    using R = typename B::element_type;
    using D = typename C::element_type;
    static_assert(emulator::is_legal_triple<L, R, D>(), "no product of these element types exists");
    static_assert(emulator::is_element_on_this_os<L>(emulator::is_tensor<A>) &&
                      emulator::is_element_on_this_os<R>(emulator::is_tensor<B>),
                  "this macOS has no tensors of this element type");
    constexpr bool left_in_registers = emulator::is_cooperative<A>, right_in_registers = emulator::is_cooperative<B>;
    constexpr bool is_packed = emulator::is_packed<L> || emulator::is_packed<R>;
    if constexpr (left_in_registers && right_in_registers) {
      static_assert(emulator::is_fragment_size(m) && emulator::is_fragment_size(n) && emulator::is_fragment_size(k),
                    "with two cooperative inputs M, N and K are 16 or 32");
      static_assert(m == 32 || n == 32 || k == 32, "with two cooperative inputs one of M, N and K is 32");
    } else {
      static_assert(m % 8 == 0 && n % 8 == 0 && (m % 16 == 0 || n % 16 == 0),
                    "M and N are multiples of 8, and one of them of 16");
      static_assert(has_dynamic_k || k % 16 == 0, "K is a multiple of 16");
    }
    static_assert(!is_packed || has_dynamic_k || k % 32 == 0, "with elements of 4 bits K is a multiple of 32");
    static_assert(!((left_in_registers || right_in_registers) && has_dynamic_k),
                  "K of a cooperative input is not dynamic");
    check_made_for<A, emulator::left_input, L, R, D>();
    check_made_for<B, emulator::right_input, L, R, D>();
    if constexpr (emulator::is_cooperative<C>) {
      static_assert(metal::is_same_v<typename C::Made, Purpose<emulator::destination, A, B, D>>,
                    "input types must match those that the destination was made for");
    }
  }
  template <class X, emulator::Role role, class L, class R, class D>
  static constexpr void check_made_for() {
    if constexpr (emulator::is_cooperative<X>) {
      static_assert(metal::is_same_v<typename X::Made, Purpose<role, L, R, D>>,
                    "a cooperative input was made for another operation");
    }
  }
};

} // namespace mpp::tensor_ops
