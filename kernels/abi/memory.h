// Memory of buffers, weights and caches.
#pragma once

#include <stdint.h>

namespace cider {

// `bytes` zeroed bytes on a 64-byte boundary, on huge pages if there are many; null if there is no memory.
void *allocate(uint64_t bytes);

// Gives back what allocate returned for as many bytes; null is allowed.
void deallocate(void *memory, uint64_t bytes);

// Memory that is only needed for a while.
class TemporaryMemory {
public:
  TemporaryMemory() = default;
  ~TemporaryMemory() { deallocate(memory_, bytes_); }
  TemporaryMemory(const TemporaryMemory &) = delete;
  TemporaryMemory &operator=(const TemporaryMemory &) = delete;

  // Once. False if there is no memory.
  bool reserve(uint64_t bytes) {
    memory_ = allocate(bytes);
    bytes_ = bytes;
    return memory_ != nullptr;
  }

  void *memory() const { return memory_; }

private:
  void *memory_ = nullptr;
  uint64_t bytes_ = 0;
};

} // namespace cider
