// What the fuzzer gives is read as a small program: which entries are called, and with which arguments.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace cider::fuzz {

class Program {
public:
  Program(const uint8_t *bytes, size_t count) : bytes_(bytes), count_(count) {}

  bool ended() const { return at_ >= count_; }

  // 0 after the end.
  uint8_t byte() { return ended() ? 0 : bytes_[at_++]; }

  // From 0 to count - 1.
  uint32_t below(uint32_t count) { return byte() % count; }

  bool once_in(uint32_t count) { return below(count) == 0; }

  // As `once_in`, but never while arguments are to fit.
  bool lies_in(uint32_t count) { return once_in(count) && !honest; }

  // Mostly from 1 to `most`, which is at most 4096; now and then an edge.
  uint32_t size(uint32_t most) {
    if (lies_in(16)) return edge32();
    const uint32_t value = most <= 256 ? byte() : byte() | uint32_t{byte()} << 8;
    return 1 + value % most;
  }

  // From 1 to `most`, never anything else: for memory that is the caller's.
  uint32_t small(uint32_t most) { return 1 + below(most); }

  uint32_t edge32() {
    static constexpr uint32_t edges[] = {
        0, 1, 63, 64, 65, 131'071, 131'072, INT32_MAX, 1u << 31, UINT32_MAX - 1, UINT32_MAX};
    return edges[below(sizeof edges / sizeof *edges)];
  }

  uint64_t edge64() {
    static constexpr uint64_t edges[] = {0,
                                         1,
                                         UINT32_MAX,
                                         uint64_t{1} << 32,
                                         uint64_t{1} << 61,
                                         uint64_t{1} << 62,
                                         INT64_MAX,
                                         uint64_t{1} << 63,
                                         UINT64_MAX - 3,
                                         UINT64_MAX};
    return edges[below(sizeof edges / sizeof *edges)];
  }

  // Mostly about 1; now and then what no arithmetic likes.
  float value() {
    static constexpr float odd[] = {
        0.0f, -0.0f, 1e-42f, 3.4e38f, -3.4e38f, __builtin_inff(), -__builtin_inff(), __builtin_nanf("")};
    const uint8_t chosen = byte();
    return chosen < 8 ? odd[chosen] : (static_cast<float>(chosen) - 131.0f) / 64.0f;
  }

  // Elements that repeat a few values of the program.
  void fill(float *values, uint64_t count) {
    const float chosen[] = {value(), value(), value()};
    for (uint64_t i = 0; i < count; i++) values[i] = chosen[i % 3];
  }
  void fill(double *values, uint64_t count) {
    const float chosen[] = {value(), value(), value()};
    for (uint64_t i = 0; i < count; i++) values[i] = double{chosen[i % 3]};
  }
  void fill(void *bytes, uint64_t count) {
    const uint8_t chosen[] = {byte(), byte(), byte(), byte(), byte()};
    for (uint64_t i = 0; i < count; i++) static_cast<uint8_t *>(bytes)[i] = chosen[i % 5];
  }

  // Whether arguments are to fit, so that there is something to work on.
  bool honest = false;

private:
  const uint8_t *bytes_;
  size_t count_;
  size_t at_ = 0;
};

} // namespace cider::fuzz
