// One thread of a kernel.
#pragma once

#include <stdint.h>

#include "emulator/runtime.h"
#include "fiber.h"

namespace emulator {

// Where lanes meet: what it is, and which place of the program it is at.
struct Meeting {
  enum Kind { threadgroup_barrier, simdgroup_barrier, threadgroup_collective, simdgroup_collective };
  Kind kind;
  const void *place; // of the machine code
  uint32_t line;     // of the source; 0 if not known
  bool all_lanes;    // else lanes may be missing
  const char *operation;
  CollectiveFunction function; // null for barriers

  bool is_of_simdgroup() const { return kind == simdgroup_barrier || kind == simdgroup_collective; }
  bool operator==(const Meeting &other) const {
    return kind == other.kind && place == other.place && line == other.line;
  }
};

enum class LaneState { ready, waiting, returned };

struct Lane {
  Fiber fiber;
  LaneState state;
  Meeting meeting; // while waiting
  void *slot;      // what it gives to a collective
  // Set before it goes on: it calls the function of the collective for all.
  bool leads;
  // How many barriers with an effect on memory it has passed, of the threadgroup and of its simdgroup.
  uint32_t threadgroup_barriers, simdgroup_barriers;
  uint32_t index; // in the threadgroup
};

} // namespace emulator
