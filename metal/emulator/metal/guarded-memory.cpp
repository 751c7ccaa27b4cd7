#include "guarded-memory.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../runtime/diagnose.h"
#include "../runtime/sanitizers.h"
#include "gpu.h"

namespace emulator {
namespace {

size_t round_up(size_t bytes) { return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES; }

[[noreturn]] void out_of_memory(size_t bytes) { fail("no memory for a buffer of %zu bytes", bytes); }

#if !CIDER_EMULATOR_ASAN

constexpr int PATTERN = 0x7F;

// A zone's content, once for all: zones are private copies of it and cost memory only where they are written.
struct Pattern {
  int file;
  const char *bytes;
};

const Pattern &pattern() {
  static const Pattern made = [] {
    const size_t size = GuardedMemory::GUARD_BYTES;
    const int file = memfd_create("guard", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, size) != 0) out_of_memory(size);
    void *bytes = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (bytes == MAP_FAILED) out_of_memory(size);
    memset(bytes, PATTERN, size);
    mprotect(bytes, size, PROT_READ);
    return Pattern{file, static_cast<const char *>(bytes)};
  }();
  return made;
}

void map_guard(char *at) {
  const size_t size = GuardedMemory::GUARD_BYTES;
  const void *mapped = mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, pattern().file, 0);
  if (mapped == MAP_FAILED) out_of_memory(size);
}

bool is_damaged(const char *zone, size_t bytes) { return memcmp(zone, pattern().bytes, bytes) != 0; }

#endif

} // namespace

size_t GuardedMemory::pages_bytes() const { return round_up(bytes_); }

GuardedMemory::GuardedMemory(size_t bytes) : bytes_(bytes) {
  mapping_bytes_ = GUARD_BYTES + pages_bytes() + GUARD_BYTES + PAGE_BYTES;
  void *mapping =
      mmap(nullptr, mapping_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) out_of_memory(bytes);
  mapping_ = static_cast<char *>(mapping);
  data_ = reinterpret_cast<char *>(round_up(reinterpret_cast<size_t>(mapping_))) + GUARD_BYTES;
#if CIDER_EMULATOR_ASAN
  __asan_poison_memory_region(data_ - GUARD_BYTES, GUARD_BYTES);
  __asan_poison_memory_region(data_ + bytes, pages_bytes() - bytes + GUARD_BYTES);
#else
  map_guard(data_ - GUARD_BYTES);
  map_guard(data_ + pages_bytes());
  memset(data_ + bytes, PATTERN, pages_bytes() - bytes);
#endif
}

GuardedMemory::~GuardedMemory() {
#if CIDER_EMULATOR_ASAN
  __asan_unpoison_memory_region(mapping_, mapping_bytes_);
#endif
  munmap(mapping_, mapping_bytes_);
}

std::optional<long> GuardedMemory::damage() const {
#if !CIDER_EMULATOR_ASAN
  if (is_damaged(data_ - GUARD_BYTES, GUARD_BYTES)) {
    long offset = -1;
    while (data_[offset] == PATTERN) offset--;
    return offset;
  }
  const size_t tail = pages_bytes() - bytes_;
  if (is_damaged(data_ + bytes_, tail) || is_damaged(data_ + pages_bytes(), GUARD_BYTES)) {
    long offset = static_cast<long>(bytes_);
    while (data_[offset] == PATTERN) offset++;
    return offset;
  }
#endif
  return std::nullopt;
}

} // namespace emulator
