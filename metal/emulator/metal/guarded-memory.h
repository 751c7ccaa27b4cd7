// Memory with a zone on each side that nobody has business in: under AddressSanitizer an access there is reported,
// otherwise it holds a pattern that is NaN for half, bfloat and float, and overwriting it is noticed later.
#pragma once

#include <stddef.h>
#include <optional>

namespace emulator {

class GuardedMemory {
public:
  static constexpr size_t GUARD_BYTES = 1 << 20;

  // Zeros, at the beginning of a page of the GPU.
  explicit GuardedMemory(size_t bytes);
  GuardedMemory(const GuardedMemory &) = delete;
  ~GuardedMemory();

  char *data() const { return data_; }
  // The offset from data() of a byte of a zone that was overwritten, the nearest before or else the nearest behind.
  std::optional<long> damage() const;

private:
  size_t pages_bytes() const;

  size_t bytes_;
  char *mapping_;
  size_t mapping_bytes_;
  char *data_;
};

} // namespace emulator
