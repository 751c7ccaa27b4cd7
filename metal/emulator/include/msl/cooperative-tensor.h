// A matrix that the lanes of a scope hold together.
#pragma once

#include "cooperative-layout.h"
#include "tensor-access.h"

namespace emulator {

// What a register holds before it is written: a NaN in floats, -53 and the like in integers.
template <class T>
EMULATOR_INLINE T poison() {
  if constexpr (is_floating<T>) {
    T value;
    const uint32_t bits = sizeof(T) == 4 ? 0x7fcbcbcb : 0x7fcb7fcb;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
  } else {
    return T(0xcbcbcbcb);
  }
}
template <class T>
EMULATOR_INLINE bool is_poison(T value) {
  const T expected = poison<T>();
  return __builtin_memcmp(&value, &expected, sizeof value) == 0;
}

enum Role { left_input, right_input, destination };

} // namespace emulator

namespace mpp::tensor_ops {

// Purpose tells the operation, the role in it and the types of its operands: a tensor serves no other.
template <class T, int rows, int columns, int simdgroups, class Purpose>
class cooperative_tensor {
  static_assert(simdgroups == 1 || Purpose::role == emulator::destination,
                "cooperative inputs need a single simdgroup");
  static constexpr bool by_column = Purpose::role == emulator::right_input && Purpose::is_transposed;

public:
  using element_type = T;
  using value_type = T;
  using Made = Purpose;
  using Table = emulator::LayoutTable<rows, columns, simdgroups, by_column>;
  static const Table &table() { return emulator::layout_table<rows, columns, simdgroups, by_column>; }

  T elements[Table::max_capacity + 1]; // the last one for accesses beyond the capacity

  EMULATOR_INLINE cooperative_tensor()
      : lane_(simdgroups == 1 ? emulator_lane() : emulator_simdgroup() * 32 + emulator_lane()) {
    for (T &element : elements) element = emulator::poison<T>();
  }

  EMULATOR_INLINE uint16_t get_capacity() const { return uint16_t(table().capacity); }
  EMULATOR_INLINE bool is_valid_element(uint index) const {
    return index < get_capacity() && table().offsets[lane_][index] < Table::elements;
  }
  // { innermost dimension, other }; of an element that is not valid it means nothing.
  EMULATOR_INLINE metal::array<int32_t, 2> get_multidimensional_index(uint index) const {
    if (!is_within(index) || !is_valid_element(index)) return {{0, 0}};
    const emulator::Position at = Table::position(table().offsets[lane_][index]);
    return {{at.column, at.row}};
  }

  EMULATOR_INLINE T &operator[](uint index) { return elements[is_within(index) ? index : Table::max_capacity]; }
  EMULATOR_INLINE const T &operator[](uint index) const {
    return elements[is_within(index) ? index : Table::max_capacity];
  }

  template <class X>
  EMULATOR_INLINE void load(const X &tensor) {
    static_assert(metal::is_same_v<typename X::element_type, T>, "load and store keep the element type");
    each_valid([&](int i, int row, int column) {
      const bool is_inside = row < emulator::reach(tensor, 1, rows) && column < emulator::reach(tensor, 0, columns);
      elements[i] = is_inside ? T(emulator::load_element(tensor, row, column)) : T(0);
    });
  }
  template <class X>
  EMULATOR_INLINE void store(const X &tensor) const {
    static_assert(metal::is_same_v<typename X::element_type, T>, "load and store keep the element type");
    each_valid([&](int i, int row, int column) {
      const bool is_inside = row < emulator::reach(tensor, 1, rows) && column < emulator::reach(tensor, 0, columns);
      if (is_inside) tensor.data[emulator::offset_of(tensor, row, column)] = elements[i];
    });
  }

private:
  uint32_t lane_;

  EMULATOR_INLINE bool is_within(uint index) const {
    if (index < get_capacity()) return true;
    emulator_diagnose("element %u of a cooperative tensor of %u elements a lane", index, uint(get_capacity()));
    return false;
  }
  template <class F>
  EMULATOR_INLINE void each_valid(const F &function) const {
    for (int i = 0; i < table().capacity; i++) {
      const int32_t offset = table().offsets[lane_][i];
      const emulator::Position at = Table::position(offset);
      if (offset < Table::elements) function(i, at.row, at.column);
    }
  }
};

} // namespace mpp::tensor_ops

namespace emulator {
template <class X>
inline constexpr bool is_cooperative = false;
template <class T, int R, int C, int S, class P>
inline constexpr bool is_cooperative<mpp::tensor_ops::cooperative_tensor<T, R, C, S, P>> = true;
} // namespace emulator
