// Codes of 4 bits that come one a byte: others would spill into their neighbours when they are packed. Backends look at
// them, as this takes as long as packing them does.
#pragma once

#include <stdint.h>

namespace cider {

// What is added to a code of 4 bits so that the smallest becomes 0.
constexpr uint8_t integer_code_shift = 8;
constexpr uint8_t affine_code_shift = 0;

// The index of the first code that does not fit; `count` if all do.
uint64_t first_beyond_four_bits(const uint8_t *codes, uint64_t count, uint8_t shift);

// Fails with the place of such a code among rows of `columns`.
int refuse_code(uint64_t index, uint32_t columns);

} // namespace cider
