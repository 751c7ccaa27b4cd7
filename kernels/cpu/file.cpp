#include "abi.h"
#include "error.h"
#include "handles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace cider;

namespace {

// Maps a regular file. The mapping outlives the descriptor.
int map(const char *path, int descriptor, cider_file *file) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return fail(CIDER_IO, "file_open: %s: %s", path, strerror(errno));
  if (!S_ISREG(status.st_mode)) return fail(CIDER_IO, "file_open: %s: not a regular file", path);
  *file = {nullptr, static_cast<uint64_t>(status.st_size)};
  if (file->bytes == 0) return CIDER_OK; // nothing to map
  void *data = mmap(nullptr, file->bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (data == MAP_FAILED) return fail(CIDER_IO, "file_open: %s: %s", path, strerror(errno));
  file->data = static_cast<const uint8_t *>(data);
  return CIDER_OK;
}

} // namespace

// Ranges are checked against the size at the time of opening; callers compare the file with what it was before and
// after they create a weight from it. If another process makes it shorter in between, the system ends this one
// (SIGBUS); afterwards the file is not looked at, as weights are copies.
int cider_file_open(const char *path, cider_file **file) {
  REQUIRE(path != nullptr && file != nullptr, "file_open: path or file is null");
  // Without O_NONBLOCK, to open a pipe would wait for its writer.
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return fail(CIDER_IO, "file_open: %s: %s", path, strerror(errno));
  auto *created = static_cast<cider_file *>(malloc(sizeof(cider_file)));
  const int status =
      created == nullptr ? fail(CIDER_OUT_OF_MEMORY, "file_open: %s: no memory", path) : map(path, descriptor, created);
  close(descriptor);
  if (status != CIDER_OK) {
    free(created);
    return status;
  }
  *file = created;
  return CIDER_OK;
}

uint64_t cider_file_bytes(const cider_file *file) { return file == nullptr ? 0 : file->bytes; }

void cider_file_close(cider_file *file) {
  if (file == nullptr) return;
  if (file->data != nullptr) munmap(const_cast<uint8_t *>(file->data), file->bytes);
  free(file);
}
