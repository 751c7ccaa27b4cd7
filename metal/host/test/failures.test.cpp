// What fails while a device is used: the next call that can says so, the device keeps the words, nothing is lost, and
// what is asked for afterwards is done.
#include "sides.h"

#include "../../../kernels/abi/error.h"

using namespace cider::test;

namespace {

// A device with a buffer of ones and one of zeros.
struct Adding {
  explicit Adding(const char *cache) : device(open_metal(nullptr, cache)) {
    MUST(cider_buffer_create(device, 4, &sum));
    MUST(cider_buffer_create(device, 4, &ones));
    const float values[] = {1, 1, 1, 1};
    MUST(cider_buffer_write(ones, 0, values, 4));
  }
  ~Adding() {
    cider_buffer_release(sum);
    cider_buffer_release(ones);
    cider_close(device);
  }
  Adding(const Adding &) = delete;
  Adding &operator=(const Adding &) = delete;

  int add() {
    const cider_elementwise_params params = {sum, sum, ones, 4};
    return cider_add(device, &params);
  }
  int read() {
    float values[4];
    return cider_buffer_read(sum, 0, values, 4);
  }

  cider_device *device;
  cider_buffer *sum, *ones;
};

void expect_failure(const Adding &adding, int status) {
  CHECK(status == CIDER_UNAVAILABLE && contains(cider_last_error(), "the GPU failed: MTLCommandBufferErrorDomain"),
        "%d: %s", status, cider_last_error());
  CHECK(contains(cider_device_error(adding.device), "MTLCommandBufferErrorDomain"), "%s",
        cider_device_error(adding.device));
}

// The first command buffer of a device whose trial was made by an earlier process.
void check_synchronize(const char *cache) {
  Adding adding(cache);
  MUST(adding.add());
  expect_failure(adding, cider_synchronize(adding.device));
  MUST(cider_synchronize(adding.device));
  MUST(adding.add());
  MUST(adding.read());
}

void check_read(const char *cache) {
  Adding adding(cache);
  MUST(adding.add());
  expect_failure(adding, adding.read());
  MUST(adding.read());
}

// Nobody waits: an operation finds that one before it has failed.
void check_next_operation(const char *cache) {
  Adding adding(cache);
  int status = CIDER_OK;
  for (int i = 0; i < 5000 && status == CIDER_OK; i++) status = adding.add();
  expect_failure(adding, status);
  MUST(adding.add());
  MUST(cider_synchronize(adding.device));
}

// One kernel that Metal makes no pipeline of does not stop the others.
void check_pipeline(const char *cache) {
  Adding adding(cache);
  const float frequencies[] = {1, 2};
  const cider_rope_params params = {adding.sum, frequencies, 1, 4, 4, 0, 1};
  for (int i = 0; i < 2; i++) {
    CHECK(cider_rope(adding.device, &params) == CIDER_UNAVAILABLE &&
              contains(cider_device_error(adding.device), "Metal makes no pipeline of the kernel rope: "),
          "%s", cider_device_error(adding.device));
  }
  MUST(adding.add());
  MUST(adding.read());
}

// Memory is out at the n-th buffer of a weight, which has four.
void check_memory(const char *cache) {
  cider_device *device = open_metal(nullptr, cache);
  const long before = live_objects();
  Random random(1);
  const WeightData data(CIDER_AFFINE, 4, 33, 64, 32, true, -10, random);
  cider_weight *weight = nullptr;
  CHECK(cider_weight_create(device, &data.params, &weight) == CIDER_OUT_OF_MEMORY && weight == nullptr, "%s",
        cider_last_error());
  CHECK(contains(cider_last_error(), "Metal has no memory for "), "%s", cider_last_error());
  CHECK(live_objects() == before, "%ld objects are left", live_objects() - before);
  MUST(cider_weight_create(device, &data.params, &weight));
  cider_weight_release(weight);
  cider_close(device);
}

void check_sizes(const char *cache) {
  cider_device *device = open_metal(nullptr, cache);
  cider_buffer *buffer;
  CHECK(cider_buffer_create(device, uint64_t{1} << 40, &buffer) == CIDER_OUT_OF_MEMORY &&
            contains(cider_last_error(), "that a buffer of Metal may have"),
        "%s", cider_last_error());
  cider_kv_cache *keys;
  CHECK(cider_kv_cache_create(device, 8, 1, 1024, &keys) == CIDER_INVALID_ARGUMENT, "%s", cider_last_error());
  Random random(2);
  WeightData data(CIDER_INTEGER, 4, 5, 7, 0, false, -10, random);
  static_cast<int8_t *>(const_cast<void *>(data.params.data.memory))[12] = 8;
  cider_weight *weight;
  CHECK(cider_weight_create(device, &data.params, &weight) == CIDER_INVALID_ARGUMENT &&
            contains(cider_last_error(), "row 1, column 5"),
        "%s", cider_last_error());
  cider_close(device);
}

void check_trial(const char *cache) { CHECK(cider_list_isas("metal", cache)[0] != 0, "%s", cider_last_error()); }

// Of whatever was done, all objects are gone.
template <void (*body)(const char *)>
void without_leaks(const char *cache) {
  cider_list_isas("metal", cache);
  const long before = live_objects();
  body(cache);
  CHECK(live_objects() == before, "%ld objects are left", live_objects() - before);
}

} // namespace

int main() {
  const TemporaryFolder folder;
  const char *cache = folder.path();
  CHECK_SCENARIO("trial", check_trial, cache);
  CHECK_SCENARIO("synchronize", without_leaks<check_synchronize>, cache, {"CIDER_EMULATOR_FAIL", "command:1"});
  CHECK_SCENARIO("read", without_leaks<check_read>, cache, {"CIDER_EMULATOR_FAIL", "command:1"});
  CHECK_SCENARIO("next operation", without_leaks<check_next_operation>, cache, {"CIDER_EMULATOR_FAIL", "command:2"});
  CHECK_SCENARIO("pipeline", without_leaks<check_pipeline>, cache, {"CIDER_EMULATOR_FAIL", "pipeline:rope"});
  for (const char *fault : {"buffer:1", "buffer:2", "buffer:3", "buffer:4"}) {
    CHECK_SCENARIO(fault, without_leaks<check_memory>, cache, {"CIDER_EMULATOR_FAIL", fault});
  }
  CHECK_SCENARIO("sizes", without_leaks<check_sizes>, cache);
  return report();
}
