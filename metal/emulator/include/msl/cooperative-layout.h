// Which element of a matrix a lane holds at which place of a cooperative tensor. Apple leaves that to the
// implementation: what a kernel may rely on is get_multidimensional_index, or a layout that it has looked at before.
#pragma once

#include "scalars.h"
#include "emulator/runtime.h"

namespace emulator {

struct Position {
  int row, column; // the column is the index of the innermost dimension
};

// Where element 0 to 7 of a 16x16 fragment lies. On Apple10 a lane holds two rows of four neighbours; before, in each
// quarter of the fragment, a pair.
inline Position position_in_fragment(Layout layout, int lane, int element) {
  const auto bit = [=](int i) { return lane >> i & 1; };
  const int row = 4 * bit(4) + 2 * bit(2) + bit(1) + 8 * (element >> 2);
  const int block = 2 * bit(3) + bit(0);
  if (layout == layout_m5) return {row, 4 * block + (element & 3)};
  return {row, 2 * block + (element & 1) + 8 * (element >> 1 & 1)};
}

// Of a matrix of one simdgroup, or of several. Fragments follow each other along rows; in a transposed right input
// along columns, so that n runs before k. For left inputs of 32 rows and 32 columns nobody has published the order: a
// guess. What is not made of fragments is laid out by chance, and lanes have more places than there are elements.
template <int rows, int columns_, int simdgroups, bool fragments_by_column>
struct LayoutTable {
  static constexpr int columns = columns_;
  static constexpr bool has_fragments = simdgroups == 1 && rows % 16 == 0 && columns % 16 == 0;
  static constexpr int lanes = 32 * simdgroups;
  static constexpr int elements = rows * columns;
  static constexpr int max_capacity = (elements + lanes - 1) / lanes + 1;

  int capacity;
  int32_t offsets[lanes][max_capacity]; // row-major in the matrix; `elements` where a place holds none

  LayoutTable() {
    const Layout layout = Layout(emulator_layout());
    if (has_fragments && layout != layout_scrambled) {
      capacity = elements / lanes;
      place_fragments(layout);
    } else {
      capacity = max_capacity;
      scatter(emulator_layout_seed());
    }
  }

  static Position position(int32_t offset) { return {offset / columns, offset % columns}; }

private:
  void place_fragments(Layout layout) {
    constexpr int down = rows / 16, across = columns / 16;
    for (int lane = 0; lane < lanes; lane++) {
      for (int element = 0; element < capacity; element++) {
        const int fragment = element / 8;
        const int fragment_row = fragments_by_column ? fragment % down : fragment / across;
        const int fragment_column = fragments_by_column ? fragment / down : fragment % across;
        const Position within = position_in_fragment(layout, lane, element % 8);
        offsets[lane][element] = (16 * fragment_row + within.row) * columns + 16 * fragment_column + within.column;
      }
    }
  }

  // A random choice of places, one for each element of the matrix.
  void scatter(uint32_t seed) {
    constexpr int count = lanes * max_capacity;
    int32_t *all = &offsets[0][0];
    for (int i = 0; i < count; i++) all[i] = i < elements ? i : elements;
    uint64_t state = (uint64_t(seed) << 32 | uint32_t(rows * 4096 + columns)) + 1;
    for (int i = count - 1; i > 0; i--) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      const int other = int((state >> 33) % uint32_t(i + 1));
      const int32_t swapped = all[i];
      all[i] = all[other];
      all[other] = swapped;
    }
  }
};

// Made when a library is loaded.
template <int rows, int columns, int simdgroups, bool fragments_by_column>
inline const LayoutTable<rows, columns, simdgroups, fragments_by_column> layout_table;

} // namespace emulator
