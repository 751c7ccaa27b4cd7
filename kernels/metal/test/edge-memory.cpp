#include "edge-memory.h"

#include <sys/mman.h>

namespace cider::test {

using namespace metal;

namespace {

// Of Apple's arm64; buffers over existing memory begin and end at such pages.
constexpr size_t page = 16384;

constexpr unsigned char pattern = 0xa5;
constexpr UInteger shared_storage = 0;

unsigned char *map(size_t bytes) {
  void *mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) abort();
  return static_cast<unsigned char *>(mapped);
}

id buffer_over(void *memory, size_t bytes) {
  const id object = send<id, void *, UInteger, UInteger, id>(the_device(), &Selectors::new_buffer_no_copy, memory,
                                                             bytes, shared_storage, nullptr);
  if (object == nullptr) abort();
  return object;
}

unsigned char *next_page(unsigned char *address) {
  return reinterpret_cast<unsigned char *>((reinterpret_cast<uintptr_t>(address) + page - 1) / page * page);
}

} // namespace

EdgeBytes::EdgeBytes(size_t bytes) : page_bytes_((bytes + page - 1) / page * page), offset_(page_bytes_ - bytes) {
  mapped_bytes_ = page_bytes_ + 2 * page;
  mapped_ = map(mapped_bytes_);
  pages_ = next_page(mapped_);
  memset(pages_, pattern, offset_);
  memset(data(), 0xff, bytes);
  if (mprotect(pages_ + page_bytes_, page, PROT_NONE) != 0) abort();
  object_ = buffer_over(pages_, page_bytes_);
}

EdgeBytes::~EdgeBytes() {
  release(object_);
  munmap(mapped_, mapped_bytes_);
}

bool EdgeBytes::intact() const {
  for (size_t i = 0; i < offset_; i++) {
    if (pages_[i] != pattern) return false;
  }
  return true;
}

SparseBytes::SparseBytes(uint64_t bytes) : mapped_bytes_((bytes + page - 1) / page * page + page) {
  mapped_ = map(mapped_bytes_);
  object_ = buffer_over(data(), mapped_bytes_ - page);
}

SparseBytes::~SparseBytes() {
  release(object_);
  munmap(mapped_, mapped_bytes_);
}

unsigned char *SparseBytes::data() const { return next_page(mapped_); }

} // namespace cider::test
