// The memory that the lanes of a threadgroup share: a block for each variable and argument, so that a sanitizer sees
// where one ends, filled with a pattern that is no sensible value.
#pragma once

#include <stddef.h>
#include <vector>

namespace emulator {

class ThreadgroupMemory {
public:
  ThreadgroupMemory() = default;
  ThreadgroupMemory(const ThreadgroupMemory &) = delete;
  ~ThreadgroupMemory();

  // Memory for an argument of the launch.
  void *allocate(size_t bytes);
  // The variable that `key` names; the same for all lanes.
  void *variable(const void *key, size_t bytes);

private:
  struct Variable {
    const void *key; // null for an argument
    void *memory;
  };
  std::vector<Variable> variables_;
  size_t bytes_ = 0;
};

} // namespace emulator
