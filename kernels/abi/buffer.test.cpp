// Buffers.
#include "abi-test.h"

using namespace cider::test;

namespace {

void test_buffers(cider_device *device) {
  cider_buffer *buffer = nullptr;
  REFUSED(cider_buffer_create(nullptr, 1, &buffer));
  REFUSED(cider_buffer_create(device, 1, nullptr));
  REFUSED(cider_buffer_create(device, 0, &buffer));
  REFUSED(cider_buffer_create(device, UINT64_MAX, &buffer));
  EXPECT(CIDER_OUT_OF_MEMORY, cider_buffer_create(device, UINT64_MAX / 4, &buffer));
  CHECK(buffer == nullptr, "a buffer after a failure");

  // Below and beyond the size from which on memory is mapped.
  const uint64_t sizes[] = {5, 3'000'000};
  for (const uint64_t elements : sizes) {
    ACCEPTED(cider_buffer_create(device, elements, &buffer));
    float values[2] = {7, 7};
    ACCEPTED(cider_buffer_read(buffer, elements - 2, values, 2));
    CHECK(values[0] == 0 && values[1] == 0, "a new buffer holds %g, %g", double{values[0]}, double{values[1]});
    const float written[2] = {1, 2};
    ACCEPTED(cider_buffer_write(buffer, elements - 2, written, 2));
    ACCEPTED(cider_buffer_read(buffer, elements - 1, values, 1));
    CHECK(values[0] == 2, "%g", double{values[0]});
    ACCEPTED(cider_buffer_write(buffer, elements, nullptr, 0));

    REFUSED(cider_buffer_write(nullptr, 0, written, 1));
    REFUSED(cider_buffer_write(buffer, 0, nullptr, 1));
    REFUSED(cider_buffer_write(buffer, elements - 1, written, 2));
    REFUSED(cider_buffer_write(buffer, elements + 1, written, 0));
    REFUSED(cider_buffer_write(buffer, UINT64_MAX, written, 2));
    REFUSED(cider_buffer_write(buffer, 2, written, UINT64_MAX));
    REFUSED(cider_buffer_read(nullptr, 0, values, 1));
    REFUSED(cider_buffer_read(buffer, 0, nullptr, 1));
    REFUSED(cider_buffer_read(buffer, elements, values, 1));
    REFUSED(cider_buffer_read(buffer, 1, values, UINT64_MAX));
    cider_buffer_release(buffer);
  }
  cider_buffer_release(nullptr);
}

} // namespace

int main() {
  for_each_device(test_buffers);
  return report();
}
