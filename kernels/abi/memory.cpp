#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

namespace cider {

namespace {

// From here on memory is mapped by itself: its pages are zero without being written, they can be huge, which spares a
// stream of weights most of its address translations, and they go back to the system when a model is closed, while
// malloc would keep them for as long as anything lives behind them.
constexpr uint64_t mapped_bytes = 256 << 10;

constexpr size_t cache_line = 64;

} // namespace

void *allocate(uint64_t bytes) {
  if (bytes >= mapped_bytes) {
    void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
#if defined(MADV_HUGEPAGE)
    madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
  }
  void *memory;
  if (posix_memalign(&memory, cache_line, bytes) != 0) return nullptr;
  return memset(memory, 0, bytes);
}

void deallocate(void *memory, uint64_t bytes) {
  if (memory == nullptr) return;
  if (bytes >= mapped_bytes) {
    munmap(memory, bytes);
  } else {
    free(memory);
  }
}

} // namespace cider
