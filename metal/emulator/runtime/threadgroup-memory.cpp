#include "threadgroup-memory.h"

#include <stdlib.h>
#include <string.h>

#include "diagnose.h"
#include "launch.h"
#include "sanitizers.h"

namespace emulator {
namespace {

constexpr int POISON = 0xCB;
// Of any vector type of the language.
constexpr size_t ALIGNMENT = 16;

} // namespace

ThreadgroupMemory::~ThreadgroupMemory() {
  const UnobservedScope unobserved;
  for (const Variable &variable : variables_) free(variable.memory);
}

void *ThreadgroupMemory::allocate(size_t bytes) {
  const UnobservedScope unobserved;
  void *memory = nullptr;
  if (posix_memalign(&memory, ALIGNMENT, bytes) != 0) fail("no memory for %zu bytes of a threadgroup", bytes);
  memset(memory, POISON, bytes);
  const size_t before = bytes_;
  bytes_ += bytes;
  if (before <= MAX_THREADGROUP_BYTES && bytes_ > MAX_THREADGROUP_BYTES) {
    diagnose("%zu bytes of threadgroup memory; at most %zu", bytes_, MAX_THREADGROUP_BYTES);
  }
  variables_.push_back({nullptr, memory});
  return memory;
}

void *ThreadgroupMemory::variable(const void *key, size_t bytes) {
  for (const Variable &variable : variables_) {
    if (variable.key == key) return variable.memory;
  }
  void *memory = allocate(bytes);
  variables_.back().key = key;
  return memory;
}

} // namespace emulator
