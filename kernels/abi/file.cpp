#include "file.h"

#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace cider;

namespace {

// `bytes` of zeros, both the address and bytes a multiple of page_bytes. Pages of the system may be smaller, so that a
// longer piece is mapped and its ends are given back.
uint8_t *map_pages(uint64_t bytes) {
  void *memory = mmap(nullptr, bytes + page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto *first = static_cast<uint8_t *>(memory);
  const uint64_t before = (page_bytes - reinterpret_cast<uintptr_t>(first) % page_bytes) % page_bytes;
  if (before > 0) munmap(first, before);
  munmap(first + before + bytes, page_bytes - before);
  return first + before;
}

// Maps a regular file. The mapping outlives the descriptor.
int map(const char *path, int descriptor, cider_file *file) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return fail(CIDER_IO, "file_open: %s: %s", path, strerror(errno));
  if (!S_ISREG(status.st_mode)) return fail(CIDER_IO, "file_open: %s: not a regular file", path);
  file->bytes = static_cast<uint64_t>(status.st_size);
  if (file->bytes == 0) return CIDER_OK; // nothing to map
  const uint64_t mapped_bytes = (file->bytes + page_bytes - 1) / page_bytes * page_bytes;
  uint8_t *data = map_pages(mapped_bytes);
  if (data == nullptr) return fail(CIDER_IO, "file_open: %s: %s", path, strerror(errno));
  file->data = data;
  file->mapped_bytes = mapped_bytes;
  if (mmap(data, file->bytes, PROT_READ, MAP_PRIVATE | MAP_FIXED, descriptor, 0) == MAP_FAILED) {
    return fail(CIDER_IO, "file_open: %s: %s", path, strerror(errno));
  }
  return CIDER_OK;
}

} // namespace

void cider::retain_file(const cider_file *file) { file->holders.fetch_add(1, std::memory_order_relaxed); }

void cider::release_file(const cider_file *file) {
  if (file->holders.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  if (file->data != nullptr) munmap(const_cast<uint8_t *>(file->data), file->mapped_bytes);
  free(const_cast<cider_file *>(file));
}

// Ranges are checked against the size at the time of opening; callers compare the file with what it was before and
// after they create a weight from it. If another process makes it shorter in between, the system ends this one
// (SIGBUS); afterwards the file is not looked at, unless by a backend that retained it.
int cider_file_open(const char *path, cider_file **file) {
  REQUIRE(path != nullptr && file != nullptr, "file_open: path or file is null");
  // Without O_NONBLOCK, to open a pipe would wait for its writer.
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return fail(CIDER_IO, "file_open: %s: %s", path, strerror(errno));
  auto *created = static_cast<cider_file *>(calloc(1, sizeof(cider_file)));
  if (created == nullptr) {
    close(descriptor);
    return fail(CIDER_OUT_OF_MEMORY, "file_open: %s: no memory", path);
  }
  created->holders.store(1, std::memory_order_relaxed);
  const int status = map(path, descriptor, created);
  close(descriptor);
  if (status != CIDER_OK) {
    release_file(created);
    return status;
  }
  *file = created;
  return CIDER_OK;
}

uint64_t cider_file_bytes(const cider_file *file) { return file == nullptr ? 0 : file->bytes; }

void cider_file_close(cider_file *file) {
  if (file != nullptr) release_file(file);
}
