// A dispatch as an encoder wrote it down, with all that it needs kept alive.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "../runtime/launch.h"
#include "buffer.h"
#include "pipeline.h"

namespace emulator {

struct Binding {
  Reference<Buffer> buffer;
  size_t offset = 0;
  std::shared_ptr<char[]> bytes; // a copy, of exactly the size that was given
  size_t size = 0;               // of the copy

  void *data() const { return buffer ? buffer->data() + offset : bytes.get(); }
  size_t length() const { return buffer ? buffer->bytes() - offset : size; }
};

struct Command {
  Reference<Pipeline> pipeline;
  std::array<Binding, SLOTS> bindings;
  std::array<size_t, SLOTS> threadgroup_bytes = {};
  Size3 threadgroups = {}, threads = {};
};

// Commands without a barrier between them, which a concurrent encoder may have run in any order.
using CommandGroup = std::vector<Command>;

// Runs them, in the order of the environment. False if one was not sound and did not run.
bool execute(const CommandGroup &group, bool concurrent);

} // namespace emulator
