// One dispatch of a kernel over a grid of threadgroups.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "emulator/runtime.h"

namespace emulator {

constexpr uint32_t SIMDGROUP_LANES = 32;
constexpr uint32_t MAX_LANES = 1024;                // of a threadgroup
constexpr size_t MAX_THREADGROUP_BYTES = 32 * 1024; // of all its variables and arguments together
constexpr int SLOTS = 31;                           // of buffers, and of threadgroup memory

struct Launch {
  const Kernel *kernel;
  Arguments arguments; // threadgroup_memory aside, which each threadgroup has its own of
  size_t threadgroup_bytes[SLOTS];
  Size3 threadgroups;
  Size3 threads; // of a threadgroup
};

inline uint64_t volume(const Size3 &size) { return uint64_t{size.x} * size.y * size.z; }

// Whether all is bound and within the limits of the hardware; what is not is diagnosed.
bool is_sound(const Launch &launch);

// Runs all threadgroups of a sound launch, on as many threads as the environment says.
void run(const Launch &launch);

} // namespace emulator
