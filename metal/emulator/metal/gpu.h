// What the machine says of itself that the emulator pretends to be.
#pragma once

#include <stdint.h>
#include <string>

namespace emulator {

// The granule of the machine's memory.
constexpr unsigned long PAGE_BYTES = 16384;

struct Gpu {
  std::string name, architecture;
  long newest_family; // MTLGPUFamilyApple…
  unsigned long max_buffer_bytes, working_set_bytes, memory_bytes;
};

const Gpu &gpu();
bool supports_family(long family);
// "Version 26.5 (Build 25F71)".
std::string os_version();

} // namespace emulator
