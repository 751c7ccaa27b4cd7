// Operands of matmul2d, from memory or from the registers of all lanes, into matrices of one type.
#pragma once

#include "cooperative-tensor.h"

namespace emulator {

// A block of a matrix: element (outer, k) of it lies at outer * outer_stride + k * k_stride.
template <class T>
struct Block {
  T *data;
  int outer, k; // elements
  int outer_stride, k_stride;
};

// From a tensor in which K is the innermost dimension or the other one, from `first_k` on.
template <bool k_innermost, class X, class T>
void gather_tensor(const X &tensor, int first_k, const Block<T> &to) {
  const int outer = reach(tensor, k_innermost ? 1 : 0, to.outer);
  const int inside = reach(tensor, k_innermost ? 0 : 1, first_k + to.k) - first_k;
  const int k = inside < 0 ? 0 : inside;
  for (int i = 0; i < to.outer; i++) {
    T *row = to.data + i * to.outer_stride;
    const int present = i < outer ? k : 0;
    if (k_innermost && !X::is_packed && tensor.strides[0] == 1 && to.k_stride == 1) {
      const auto *from = tensor.data + offset_of(tensor, i, first_k);
      for (int j = 0; j < present; j++) row[j] = T(from[j]);
    } else {
      for (int j = 0; j < present; j++) {
        row[j * to.k_stride] =
            T(k_innermost ? load_element(tensor, i, first_k + j) : load_element(tensor, first_k + j, i));
      }
    }
    for (int j = present; j < to.k; j++) row[j * to.k_stride] = T(0);
  }
}

// From the cooperative tensors of all lanes. The block has room for one element more, where places go that hold none.
template <bool k_innermost, class X, class T>
EMULATOR_INLINE void gather_lanes(X *const *lanes, const Block<T> &to) {
  const auto &table = X::table();
  const int row_stride = k_innermost ? to.outer_stride : to.k_stride;
  const int column_stride = k_innermost ? to.k_stride : to.outer_stride;
  const bool is_row_major = column_stride == 1 && row_stride == X::Table::columns;
  for (int lane = 0; lane < X::Table::lanes; lane++) {
    const auto *elements = lanes[lane]->elements;
    for (int i = 0; i < table.capacity; i++) {
      const int32_t offset = table.offsets[lane][i];
      if (is_row_major) {
        to.data[offset] = T(elements[i]);
      } else if (offset < X::Table::elements) {
        const Position at = X::Table::position(offset);
        to.data[at.row * row_stride + at.column * column_stride] = T(elements[i]);
      }
    }
  }
}

} // namespace emulator
