// What a shape of a weight needs, for every backend.
#pragma once

#include <stdint.h>

namespace cider {

// The longest sum of products of int8 codes that fits into int32: docs/numerics.md section 3.
constexpr uint32_t max_integer_depth = 131'071;

// Groups in a row of `columns`, of which the last may be shorter; a group size of 0 means one group.
static inline constexpr uint32_t groups_per_row(uint32_t columns, uint32_t group_size) {
  return group_size == 0 ? 1 : columns / group_size + (columns % group_size != 0);
}

// 32-bit words that a row of codes takes in CIDER_WORDS.
static inline constexpr uint64_t words_per_row(uint32_t columns, int32_t bits) {
  return (uint64_t{columns} * static_cast<uint32_t>(bits) + 31) / 32;
}

} // namespace cider
