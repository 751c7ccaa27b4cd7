// What library `probe` says where the elements of fragments lie as lanes.h has them, and where not.
#include "edge-memory.h"

#include "../parameters.h"

#include <math.h>

namespace cider::test {
namespace {

constexpr uint32_t LANES = 32;

// The fact sheet's table, by the bits of a lane's number.
int expected_row(uint32_t lane) { return static_cast<int>((lane >> 4) * 4 + (lane >> 2 & 1) * 2 + (lane >> 1 & 1)); }
int expected_column(uint32_t lane) { return static_cast<int>((lane >> 3 & 1) * 8 + (lane & 1) * 4); }

// Whether a tensor of `fragments` fragments, one behind the other in the direction of index `along`, is as expected.
// Index 0 is the column, index 1 the row.
bool is_as_expected(const int32_t *words, int fragments, int along) {
  for (uint32_t lane = 0; lane < LANES; lane++, words += PROBE_WORDS) {
    if (words[0] != 8 * fragments) return false;
    for (int i = 0; i < 8 * fragments; i++) {
      const int32_t *element = words + 1 + 3 * i;
      int index[2] = {expected_column(lane) + i % 4, expected_row(lane) + i / 4 % 2 * 8};
      index[along] += i / 8 * 16;
      if (element[0] != 1 || element[1] != index[0] || element[2] != index[1]) return false;
    }
    for (int i = 8 * fragments; i < PROBE_ELEMENTS; i++) {
      if (words[1 + 3 * i] != -1) return false;
    }
  }
  return true;
}

bool has_expected_layout() {
  Kernels kernels({"probe.metal"}, 0x40000);
  AtEdge<int32_t> words(3 * LANES * PROBE_WORDS);
  kernels.run("probe_layout", {1}, LANES, words.bound());
  const int32_t *left = words.data(), *right = left + LANES * PROBE_WORDS, *result = right + LANES * PROBE_WORDS;
  return is_as_expected(left, 1, 1) && is_as_expected(right, 2, 1) && is_as_expected(result, 2, 0);
}

void expected_layout() { CHECK(has_expected_layout(), "fragments are not as on an M5"); }
void other_layout() { CHECK(!has_expected_layout(), "another layout looks like that of an M5"); }

uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

// Subnormal numbers are flushed, nothing is contracted, and exact-floats.h makes up for it.
void arithmetic() {
  Kernels kernels({"probe.metal"}, 0x40000);
  AtEdge<float> in(PROBE_INPUTS);
  AtEdge<uint32_t> out(PROBE_RESULTS);
  const float inputs[PROBE_INPUTS] = {0x1p-100f, 0x1p-40f, 0x1p-140f, 1.0f + 0x1p-12f, -(1.0f + 0x1p-11f)};
  memcpy(in.data(), inputs, sizeof inputs);
  kernels.run("probe_arithmetic", {1}, 1, in.bound(), out.bound());
  const uint32_t expected[PROBE_RESULTS] = {0, 0, 0, bits_of(0x1p-140f), bits_of(0x1p-139f)};
  for (uint32_t i = 0; i < PROBE_RESULTS; i++)
    CHECK(out[i] == expected[i], "result %u is %#x, not %#x", i, out[i], expected[i]);
}

int with_layout(const char *layout, void (*body)()) {
  setenv("CIDER_EMULATOR_LAYOUT", layout, 1);
  return in_each_order(body);
}

} // namespace
} // namespace cider::test

int main() {
  using namespace cider::test;
  return with_layout("m5", expected_layout) | with_layout("m5", arithmetic) | with_layout("pre-m5", other_layout) |
         with_layout("5", other_layout);
}
