// Barriers. They are inlined, so that each call in a kernel is a call site of its own.
#pragma once

#include "scalars.h"
#include "emulator/runtime.h"

namespace metal {

enum class mem_flags : uint {
  mem_none = 0,
  mem_device = 1,
  mem_threadgroup = 2,
  mem_texture = 4,
  mem_threadgroup_imageblock = 8,
};
constexpr mem_flags operator|(mem_flags a, mem_flags b) { return mem_flags(uint(a) | uint(b)); }

EMULATOR_INLINE void threadgroup_barrier(mem_flags flags, uint line = __builtin_LINE()) {
  emulator_barrier(uint(flags), false, line);
}
EMULATOR_INLINE void simdgroup_barrier(mem_flags flags, uint line = __builtin_LINE()) {
  emulator_barrier(uint(flags), true, line);
}

} // namespace metal
