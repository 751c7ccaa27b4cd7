#include "codes.h"

#include "abi.h"
#include "error.h"

#include <inttypes.h>

namespace cider {

namespace {

// Codes that are looked at together, which takes a fraction of the time that it takes to find out which one it is.
constexpr uint64_t block = 4096;

// Whether a code + shift, as a byte, is beyond 15.
bool beyond_four_bits(const uint8_t *codes, uint64_t count, uint8_t shift) {
  uint8_t bits = 0;
  for (uint64_t i = 0; i < count; i++) bits |= static_cast<uint8_t>(codes[i] + shift);
  return bits > 15;
}

} // namespace

uint64_t first_beyond_four_bits(const uint8_t *codes, uint64_t count, uint8_t shift) {
  for (uint64_t begin = 0; begin < count; begin += block) {
    const uint64_t end = count - begin < block ? count : begin + block;
    if (!beyond_four_bits(codes + begin, end - begin, shift)) continue;
    uint64_t found = begin;
    while (!beyond_four_bits(codes + found, 1, shift)) found++;
    return found;
  }
  return count;
}

int refuse_code(uint64_t index, uint32_t columns) {
  return fail(CIDER_INVALID_ARGUMENT,
              "weight_create: the code in row %" PRIu64 ", column %" PRIu64 " does not fit into 4 bits",
              index / columns, index % columns);
}

} // namespace cider
