// Mapped files, and weights that come from them.
#include "abi-test.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file.h"

using namespace cider::test;

namespace {

// A file that is gone when the test is over.
class TemporaryFile {
public:
  TemporaryFile(const void *bytes, size_t count) {
    const int descriptor = mkstemp(path_);
    if (descriptor < 0 || write(descriptor, bytes, count) != static_cast<ssize_t>(count)) abort();
    close(descriptor);
  }
  ~TemporaryFile() { unlink(path_); }
  const char *path() const { return path_; }

private:
  char path_[32] = "/tmp/cider-test-XXXXXX";
};

void test_files(cider_device *device) {
  // A byte before a weight [2, 2], so that its floats begin on no boundary.
  unsigned char bytes[1 + 4 * sizeof(float)] = {};
  const float values[] = {1, 2, 3, 4};
  memcpy(bytes + 1, values, sizeof values);
  const TemporaryFile stored(bytes, sizeof bytes);
  const TemporaryFile empty(bytes, 0);

  cider_file *file = nullptr;
  REFUSED(cider_file_open(nullptr, &file));
  REFUSED(cider_file_open(stored.path(), nullptr));
  EXPECT(CIDER_IO, cider_file_open("/nonexistent/model.safetensors", &file));
  EXPECT(CIDER_IO, cider_file_open("/tmp", &file));
  CHECK(file == nullptr, "a file after a failure");
  CHECK(cider_file_bytes(nullptr) == 0, "bytes of null");
  cider_file_close(nullptr);

  ACCEPTED(cider_file_open(empty.path(), &file));
  CHECK(cider_file_bytes(file) == 0, "%llu", static_cast<unsigned long long>(cider_file_bytes(file)));
  cider_weight_params dense = {CIDER_DENSE, CIDER_F32, 0, 2, 2, 0, {nullptr, file, 0, 16}, {}, {}, {}, CIDER_BYTES};
  cider_weight *weight = nullptr;
  REFUSED(cider_weight_create(device, &dense, &weight));
  cider_file_close(file);

  ACCEPTED(cider_file_open(stored.path(), &file));
  CHECK(cider_file_bytes(file) == sizeof bytes, "%llu", static_cast<unsigned long long>(cider_file_bytes(file)));
  dense.data = {nullptr, file, 1, 16};
  REFUSED_WITH(dense, p.data.offset = 2, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.data.offset = UINT64_MAX, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.data.offset = UINT64_MAX - 15, cider_weight_create(device, &p, &weight));
  dense.bias = {nullptr, file, 9, 8};
  weight = create_weight(device, dense);
  cider_file_close(file); // the weight is a copy

  cider_buffer *x = buffer_of(device, {1, 1});
  cider_buffer *out = buffer_of(device, {0, 0});
  const uint64_t scratch_bytes = cider_linear_scratch(weight, 1);
  void *scratch = scratch_of(scratch_bytes);
  const cider_linear_params linear = {out, x, weight, 1, 0, scratch, scratch_bytes};
  ACCEPTED(cider_linear(device, &linear));
  check_values("linear of a file", out, {1 + 2 + 3, 3 + 4 + 4});
  free(scratch);
  cider_buffer_release(x);
  cider_buffer_release(out);
  cider_weight_release(weight);
}

bool is_mapped(const void *page) {
  // The system's pages may be smaller than those that a mapping is made of.
  return msync(const_cast<void *>(page), 1, MS_ASYNC) == 0 || errno != ENOMEM;
}

// Backends share pages of a mapping with a GPU, for longer than the caller keeps the file open.
void test_mapping() {
  const uint64_t sizes[] = {1, 4096, cider::page_bytes - 1, cider::page_bytes, 3 * cider::page_bytes + 5};
  for (const uint64_t size : sizes) {
    auto *bytes = static_cast<uint8_t *>(malloc(size));
    for (uint64_t i = 0; i < size; i++) bytes[i] = static_cast<uint8_t>(i * 7 + 1);
    const TemporaryFile stored(bytes, size);
    cider_file *file = nullptr;
    ACCEPTED(cider_file_open(stored.path(), &file));
    const uint8_t *data = file->data;
    const uint64_t mapped = file->mapped_bytes;
    CHECK(reinterpret_cast<uintptr_t>(data) % cider::page_bytes == 0, "mapped at %p", static_cast<const void *>(data));
    CHECK(mapped % cider::page_bytes == 0 && mapped >= size && mapped - size < cider::page_bytes,
          "%llu bytes mapped for %llu", mapped + 0ull, size + 0ull);

    cider::retain_file(file);
    cider::retain_file(file);
    cider_file_close(file);
    cider::release_file(file);
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < mapped; i++) wrong += data[i] != (i < size ? bytes[i] : 0);
    CHECK(wrong == 0, "%llu of %llu bytes differ", wrong + 0ull, mapped + 0ull);
    CHECK(is_mapped(data) && is_mapped(data + mapped - cider::page_bytes), "unmapped while it was retained");
    cider::release_file(file);
    CHECK(!is_mapped(data) && !is_mapped(data + mapped - cider::page_bytes), "mapped after its last holder left");
    free(bytes);
  }
}

} // namespace

int main() {
  test_mapping();
  for_each_device(test_files);
  return report();
}
