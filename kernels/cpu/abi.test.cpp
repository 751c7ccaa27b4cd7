// cider.h as its users see it: what fits is computed, and whatever does not fit is refused with a text, never with a
// crash. The arithmetic itself is tested by family.
//
// Long, because every function of cider.h stands here with every way to call it wrongly; apart they would share all of
// the set-up.
#include "abi.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

namespace {

const char *status_name(int status) {
  static const char *const names[] = {"OK", "INVALID_ARGUMENT", "OUT_OF_MEMORY", "UNAVAILABLE", "IO", "NON_FINITE"};
  return status >= 0 && status <= 5 ? names[status] : "?";
}

// That `call` gives `expected`, and a failure a text.
#define EXPECT(expected, call)                                                                                         \
  do {                                                                                                                 \
    const int status = (call);                                                                                         \
    CHECK(status == (expected), "%s: %s (%s)", #call, status_name(status), cider_last_error());                        \
    CHECK(status == CIDER_OK || cider_last_error()[0] != '\0', "%s: no text", #call);                                  \
  } while (0)
#define ACCEPTED(call) EXPECT(CIDER_OK, call)
#define REFUSED(call) EXPECT(CIDER_INVALID_ARGUMENT, call)

// That `call` is refused after `change` of a copy of `params`, which is named p in both.
#define REFUSED_WITH(params, change, call)                                                                             \
  do {                                                                                                                 \
    auto p = params;                                                                                                   \
    change;                                                                                                            \
    REFUSED(call);                                                                                                     \
  } while (0)

constexpr uint32_t huge = UINT32_MAX;

cider_device *open_device(const char *isa, int32_t threads) {
  const cider_open_params params = {isa, threads};
  cider_device *device = nullptr;
  ACCEPTED(cider_open(&params, &device));
  return device;
}

// A buffer of these values.
template <size_t count>
cider_buffer *buffer_of(cider_device *device, const float (&values)[count]) {
  cider_buffer *buffer = nullptr;
  ACCEPTED(cider_buffer_create(device, count, &buffer));
  ACCEPTED(cider_buffer_write(buffer, 0, values, count));
  return buffer;
}

// That a buffer begins with these values, up to a relative 1e-5: they are sums of few terms.
template <size_t count>
void check_values(const char *operation, const cider_buffer *buffer, const float (&expected)[count]) {
  float values[count];
  ACCEPTED(cider_buffer_read(buffer, 0, values, count));
  for (size_t i = 0; i < count; i++) {
    CHECK(fabsf(values[i] - expected[i]) <= 1e-5f * fabsf(expected[i]) + 1e-6f, "%s: element %zu is %g, not %g",
          operation, i, double{values[i]}, double{expected[i]});
  }
}

template <typename T, size_t count>
cider_bytes bytes_of(const T (&values)[count]) {
  return {values, nullptr, 0, sizeof values};
}

constexpr cider_bytes no_bytes = {nullptr, nullptr, 0, 0};

cider_weight *create_weight(cider_device *device, const cider_weight_params &params) {
  cider_weight *weight = nullptr;
  ACCEPTED(cider_weight_create(device, &params, &weight));
  return weight;
}

void *scratch_of(uint64_t bytes) { return malloc(bytes + 1); }

void test_device(const char *isas) {
  CHECK(cider_abi_version() == CIDER_ABI_VERSION, "%u", cider_abi_version());
  CHECK(strstr(isas, "generic") != nullptr, "%s", isas);
  CHECK(cider_cpu_features() != nullptr, "null");

  cider_device *device = nullptr;
  const cider_open_params defaults = {nullptr, 0};
  REFUSED(cider_open(nullptr, &device));
  REFUSED(cider_open(&defaults, nullptr));
  REFUSED_WITH(defaults, p.threads = -1, cider_open(&p, &device));
  REFUSED_WITH(defaults, p.threads = INT32_MAX, cider_open(&p, &device));
  cider_open_params unknown = {"sse9", 1};
  EXPECT(CIDER_UNAVAILABLE, cider_open(&unknown, &device));
  CHECK(strstr(cider_last_error(), "sse9") != nullptr, "%s", cider_last_error());
  CHECK(device == nullptr, "a device after a failure");

  ACCEPTED(cider_open(&defaults, &device));
  CHECK(cider_device_threads(device) >= 1, "%d", cider_device_threads(device));
  const char *isa = cider_device_isa(device);
  CHECK(strncmp(isas, isa, strlen(isa)) == 0, "%s is not the first of %s", isa, isas);
  cider_close(device);

  cider_close(nullptr);
  CHECK(cider_device_threads(nullptr) == 0, "threads of null");
  CHECK(cider_device_isa(nullptr)[0] == '\0', "instruction set of null");
}

// What fails in another thread is known to the device, and to no other.
void test_device_error(cider_device *device) {
  cider_device *other = open_device("generic", 1);
  pthread_t thread;
  const auto fail = [](void *argument) -> void * {
    const cider_elementwise_params nothing = {nullptr, nullptr, nullptr, 1};
    REFUSED(cider_add(static_cast<cider_device *>(argument), &nothing));
    return nullptr;
  };
  CHECK(cider_device_error(other)[0] == '\0', "%s", cider_device_error(other));
  CHECK(pthread_create(&thread, nullptr, fail, device) == 0, "no thread");
  pthread_join(thread, nullptr);
  CHECK(strcmp(cider_device_error(device), "add: a is null") == 0, "%s", cider_device_error(device));
  CHECK(cider_device_error(other)[0] == '\0', "%s", cider_device_error(other));
  CHECK(cider_device_error(nullptr)[0] == '\0', "%s", cider_device_error(nullptr));
  cider_close(other);
}

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

// Codes in words are those in bytes, whatever stands in the padding.
void test_words(cider_device *device) {
  const uint8_t codes[6] = {1, 15, 3, 8, 0, 5};
  const uint32_t four_bits[2] = {0xabcde3f1, 0x12345508};
  const uint32_t eight_bits[2] = {0xff030f01, 0x77050008};
  const float scales[2] = {2, 0.5};
  const float biases[2] = {-1, 1};
  cider_buffer *x = buffer_of(device, {1, 10, 100});
  cider_buffer *out = buffer_of(device, {0, 0});
  const cider_bytes sources[] = {bytes_of(four_bits), bytes_of(eight_bits), bytes_of(codes)};
  for (int source = 0; source < 3; source++) {
    const cider_weight_params params = {CIDER_AFFINE,
                                        0,
                                        source == 0 ? 4 : 8,
                                        2,
                                        3,
                                        0,
                                        sources[source],
                                        bytes_of(scales),
                                        bytes_of(biases),
                                        no_bytes,
                                        source == 2 ? CIDER_BYTES : CIDER_WORDS};
    cider_weight *weight = create_weight(device, params);
    const uint64_t scratch_bytes = cider_linear_scratch(weight, 1);
    void *scratch = scratch_of(scratch_bytes);
    const cider_linear_params linear = {out, x, weight, 1, 0, scratch, scratch_bytes};
    ACCEPTED(cider_linear(device, &linear));
    check_values("linear of words", out, {2 * (1 + 150 + 300) - 111, 0.5 * (8 + 500) + 111});
    free(scratch);
    cider_weight_release(weight);
    cider_weight *refused = nullptr;
    REFUSED_WITH(params, p.data.bytes--, cider_weight_create(device, &p, &refused));
    REFUSED_WITH(params, p.storage = 2, cider_weight_create(device, &p, &refused));
    REFUSED_WITH(params, (p.kind = CIDER_INTEGER, p.storage = CIDER_WORDS), cider_weight_create(device, &p, &refused));
  }
  cider_buffer_release(x);
  cider_buffer_release(out);
}

void test_weights(cider_device *device) {
  const float data[6] = {1, 2, 3, 4, 5, 6};
  const float biases[4] = {0, 0, 0, 0};
  const float bias[2] = {10, 20};
  const int8_t codes[6] = {1, 2, 3, 4, 5, 6};
  cider_weight *weight = nullptr;

  const cider_weight_params dense = {CIDER_DENSE, CIDER_F32,      0,          2, 3, 0, bytes_of(data), no_bytes,
                                     no_bytes,    bytes_of(bias), CIDER_BYTES};
  cider_weight_release(create_weight(device, dense));
  REFUSED(cider_weight_create(nullptr, &dense, &weight));
  REFUSED(cider_weight_create(device, nullptr, &weight));
  REFUSED(cider_weight_create(device, &dense, nullptr));
  REFUSED_WITH(dense, p.kind = 3, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.kind = -1, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.dtype = 3, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.dtype = -1, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.dtype = CIDER_F16, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.out_features = 0, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.in_features = 0, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.in_features = 4, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.out_features = p.in_features = huge, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.data.memory = nullptr, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.data.bytes--, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.bias.bytes--, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(dense, p.bias.memory = nullptr, cider_weight_create(device, &p, &weight));

  // Groups of 2 among 3 columns: the second is shorter.
  const float scales[4] = {1, 1, 1, 1};
  const cider_weight_params integer = {
      CIDER_INTEGER, 0, 8, 2, 3, 2, bytes_of(codes), bytes_of(scales), no_bytes, bytes_of(bias), CIDER_BYTES};
  const cider_weight_params affine = {
      CIDER_AFFINE, 0, 8, 2, 3, 2, bytes_of(codes), bytes_of(scales), bytes_of(biases), bytes_of(bias), CIDER_BYTES};
  const cider_weight_params quantized[] = {integer, affine};
  for (const cider_weight_params &params : quantized) {
    cider_weight_release(create_weight(device, params));
    REFUSED_WITH(params, p.bits = 0, cider_weight_create(device, &p, &weight));
    REFUSED_WITH(params, p.bits = 3, cider_weight_create(device, &p, &weight));
    REFUSED_WITH(params, p.group_size = 0, cider_weight_create(device, &p, &weight));
    REFUSED_WITH(params, p.group_size = 1, cider_weight_create(device, &p, &weight));
    REFUSED_WITH(params, p.group_size = huge, cider_weight_create(device, &p, &weight));
    REFUSED_WITH(params, p.data = no_bytes, cider_weight_create(device, &p, &weight));
    REFUSED_WITH(params, p.scales = no_bytes, cider_weight_create(device, &p, &weight));
    REFUSED_WITH(params, p.scales.bytes = UINT64_MAX, cider_weight_create(device, &p, &weight));
  }
  REFUSED_WITH(affine, p.biases = no_bytes, cider_weight_create(device, &p, &weight));
  REFUSED_WITH(integer, (p.in_features = 131'072, p.group_size = 0), cider_weight_create(device, &p, &weight));

  // Codes of 4 bits that are none.
  const int8_t signed_codes[6] = {-8, 7, 0, 1, 8, 9};
  const int8_t unsigned_codes[6] = {0, 15, 1, 2, 3, -1};
  REFUSED_WITH(integer, (p.bits = 4, p.data = bytes_of(signed_codes)), cider_weight_create(device, &p, &weight));
  CHECK(strstr(cider_last_error(), "row 1, column 1") != nullptr, "%s", cider_last_error());
  REFUSED_WITH(affine, (p.bits = 4, p.data = bytes_of(unsigned_codes)), cider_weight_create(device, &p, &weight));
  CHECK(strstr(cider_last_error(), "row 1, column 2") != nullptr, "%s", cider_last_error());
  CHECK(weight == nullptr, "a weight after a failure");
  cider_weight_release(nullptr);
}

void test_embedding(cider_device *device) {
  const float data[6] = {1, 2, 3, 4, 5, 6};
  cider_weight *table = create_weight(
      device, {CIDER_DENSE, CIDER_F32, 0, 3, 2, 0, bytes_of(data), no_bytes, no_bytes, no_bytes, CIDER_BYTES});
  cider_buffer *out = buffer_of(device, {0, 0, 0, 0});
  const int32_t ids[] = {2, 0};
  const cider_embedding_params params = {out, table, ids, 2, 3};
  ACCEPTED(cider_embedding(device, &params));
  check_values("embedding", out, {15, 18, 3, 6});

  const int32_t beyond[] = {0, 3};
  const int32_t negative[] = {0, -1};
  REFUSED(cider_embedding(nullptr, &params));
  REFUSED(cider_embedding(device, nullptr));
  REFUSED_WITH(params, p.out = nullptr, cider_embedding(device, &p));
  REFUSED_WITH(params, p.table = nullptr, cider_embedding(device, &p));
  REFUSED_WITH(params, p.token_ids = nullptr, cider_embedding(device, &p));
  REFUSED_WITH(params, p.token_ids = beyond, cider_embedding(device, &p));
  REFUSED_WITH(params, p.token_ids = negative, cider_embedding(device, &p));
  REFUSED_WITH(params, p.count = 0, cider_embedding(device, &p));
  REFUSED_WITH(params, p.count = 3, cider_embedding(device, &p));
  cider_weight_release(table);

  const int8_t codes[6] = {};
  const float scales[3] = {1, 1, 1};
  table = create_weight(
      device, {CIDER_INTEGER, 0, 8, 3, 2, 0, bytes_of(codes), bytes_of(scales), no_bytes, no_bytes, CIDER_BYTES});
  REFUSED_WITH(params, p.table = table, cider_embedding(device, &p));
  cider_weight_release(table);
  cider_buffer_release(out);
}

void test_linear(cider_device *device) {
  const float data[4] = {1, 2, 3, 4};
  const int8_t codes[4] = {1, 2, 3, 4};
  const float scales[2] = {1, 0.5f};
  const float biases[2] = {0, 1};
  const float bias[2] = {10, 20};
  const cider_weight_params dense = {CIDER_DENSE, CIDER_F32,      0,          2, 2, 0, bytes_of(data), no_bytes,
                                     no_bytes,    bytes_of(bias), CIDER_BYTES};
  const cider_weight_params integer = {CIDER_INTEGER,    0,        8,        2,          2, 0, bytes_of(codes),
                                       bytes_of(scales), no_bytes, no_bytes, CIDER_BYTES};
  const cider_weight_params affine = {
      CIDER_AFFINE, 0, 4, 2, 2, 0, bytes_of(codes), bytes_of(scales), bytes_of(biases), no_bytes, CIDER_BYTES};
  cider_buffer *x = buffer_of(device, {127, 0, -127, 127});
  cider_buffer *out = buffer_of(device, {0, 0, 0, 0});

  const struct {
    const cider_weight_params &params;
    float expected[4];
  } cases[] = {
      {dense, {127 + 10, 381 + 20, 127 + 10, 127 + 20}},
      {integer, {127, 190.5f, 127, 63.5f}},
      {affine, {127, 317.5f, 127, 63.5f}},
  };
  for (const auto &[weight_params, expected] : cases) {
    cider_weight *weight = create_weight(device, weight_params);
    const uint64_t scratch_bytes = cider_linear_scratch(weight, 2);
    void *scratch = scratch_of(scratch_bytes);
    const cider_linear_params params = {out, x, weight, 2, 0, scratch, scratch_bytes};
    ACCEPTED(cider_linear(device, &params));
    check_values("linear", out, expected);

    REFUSED(cider_linear(nullptr, &params));
    REFUSED(cider_linear(device, nullptr));
    REFUSED_WITH(params, p.out = nullptr, cider_linear(device, &p));
    REFUSED_WITH(params, p.x = nullptr, cider_linear(device, &p));
    REFUSED_WITH(params, p.weight = nullptr, cider_linear(device, &p));
    REFUSED_WITH(params, p.out = x, cider_linear(device, &p));
    REFUSED_WITH(params, p.rows = 0, cider_linear(device, &p));
    REFUSED_WITH(params, p.rows = 3, cider_linear(device, &p));
    REFUSED_WITH(params, p.rows = huge, cider_linear(device, &p));
    if (scratch_bytes > 0) {
      REFUSED_WITH(params, p.scratch = nullptr, cider_linear(device, &p));
      REFUSED_WITH(params, p.scratch_bytes--, cider_linear(device, &p));
    }
    cider_device *other = open_device("generic", cider_device_threads(device) + 1);
    REFUSED(cider_linear(other, &params)); // the weight was packed for another device
    cider_close(other);
    free(scratch);
    cider_weight_release(weight);
  }
  CHECK(cider_linear_scratch(nullptr, 1) == 0, "scratch for null");
  cider_buffer_release(x);
  cider_buffer_release(out);
}

void test_cross_entropy(cider_device *device) {
  const float data[4] = {1, 0, 0, 1};
  cider_weight *head = create_weight(
      device, {CIDER_DENSE, CIDER_F32, 0, 2, 2, 0, bytes_of(data), no_bytes, no_bytes, no_bytes, CIDER_BYTES});
  cider_buffer *x = buffer_of(device, {0, 0, 3, 0});
  const int32_t targets[] = {1, -1};
  double losses[2] = {-1, -1};
  const uint64_t scratch_bytes = cider_cross_entropy_scratch(head, 2);
  void *scratch = scratch_of(scratch_bytes);
  const cider_cross_entropy_params params = {x, head, targets, losses, 2, 0, scratch, scratch_bytes};
  ACCEPTED(cider_cross_entropy(device, &params));
  CHECK(fabs(losses[0] - log(2)) < 1e-6 && losses[1] == 0, "%g, %g", losses[0], losses[1]);
  const int32_t last[] = {-1, 1};
  const int32_t none[] = {-1, -1};
  auto other = params;
  other.targets = last;
  ACCEPTED(cider_cross_entropy(device, &other));
  CHECK(losses[0] == 0 && fabs(losses[1] - log(1 + exp(3))) < 1e-6, "%g, %g", losses[0], losses[1]);
  other.targets = none;
  ACCEPTED(cider_cross_entropy(device, &other));
  CHECK(losses[0] == 0 && losses[1] == 0, "%g, %g", losses[0], losses[1]);

  const int32_t beyond[] = {0, 2};
  const int32_t negative[] = {-2, 0};
  REFUSED(cider_cross_entropy(nullptr, &params));
  REFUSED(cider_cross_entropy(device, nullptr));
  REFUSED_WITH(params, p.x = nullptr, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.head = nullptr, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.targets = nullptr, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.targets = beyond, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.targets = negative, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.losses = nullptr, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.rows = 0, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.rows = huge, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.soft_cap = -1, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.soft_cap = NAN, cider_cross_entropy(device, &p));
  REFUSED_WITH(params, p.soft_cap = INFINITY, cider_cross_entropy(device, &p));
  if (scratch_bytes > 0) {
    REFUSED_WITH(params, p.scratch = nullptr, cider_cross_entropy(device, &p));
    REFUSED_WITH(params, p.scratch_bytes--, cider_cross_entropy(device, &p));
  }
  CHECK(cider_cross_entropy_scratch(nullptr, 1) == 0, "scratch for null");
  free(scratch);
  cider_weight_release(head);
  cider_buffer_release(x);
}

void test_divergence(cider_device *device) {
  const float data[4] = {1, 0, 0, 1};
  const float wide_data[6] = {};
  cider_weight *head = create_weight(
      device, {CIDER_DENSE, CIDER_F32, 0, 2, 2, 0, bytes_of(data), no_bytes, no_bytes, no_bytes, CIDER_BYTES});
  cider_weight *wide = create_weight(
      device, {CIDER_DENSE, CIDER_F32, 0, 3, 2, 0, bytes_of(wide_data), no_bytes, no_bytes, no_bytes, CIDER_BYTES});
  cider_buffer *x = buffer_of(device, {5, 5, 1, 0});
  cider_buffer *base_x = buffer_of(device, {5, 5, 0, 0});
  double divergences[1] = {-1};
  uint8_t same_top[1] = {2};
  const uint64_t scratch_bytes = cider_divergence_scratch(head, head, 1);
  void *scratch = scratch_of(scratch_bytes);
  const cider_divergence_params params = {x, head, base_x, head,    divergences,  same_top,
                                          2, 1,    0,      scratch, scratch_bytes};
  ACCEPTED(cider_divergence(device, &params));
  // p is even, q is e to 1.
  const double expected = log((M_E + 1) / 2) - 0.5;
  CHECK(fabs(divergences[0] - expected) < 1e-7 && same_top[0] == 1, "%g, %u", divergences[0], same_top[0]);

  REFUSED(cider_divergence(nullptr, &params));
  REFUSED(cider_divergence(device, nullptr));
  REFUSED_WITH(params, p.x = nullptr, cider_divergence(device, &p));
  REFUSED_WITH(params, p.head = nullptr, cider_divergence(device, &p));
  REFUSED_WITH(params, p.head = wide, cider_divergence(device, &p));
  REFUSED_WITH(params, p.base_x = nullptr, cider_divergence(device, &p));
  REFUSED_WITH(params, p.base_head = nullptr, cider_divergence(device, &p));
  REFUSED_WITH(params, p.divergences = nullptr, cider_divergence(device, &p));
  REFUSED_WITH(params, p.same_top = nullptr, cider_divergence(device, &p));
  REFUSED_WITH(params, p.rows = 0, cider_divergence(device, &p));
  REFUSED_WITH(params, p.rows = huge, cider_divergence(device, &p));
  REFUSED_WITH(params, p.first_row = 2, cider_divergence(device, &p));
  REFUSED_WITH(params, p.soft_cap = -1, cider_divergence(device, &p));
  REFUSED_WITH(params, p.soft_cap = NAN, cider_divergence(device, &p));
  REFUSED_WITH(params, p.soft_cap = INFINITY, cider_divergence(device, &p));
  REFUSED_WITH(params, p.scratch = nullptr, cider_divergence(device, &p));
  REFUSED_WITH(params, p.scratch_bytes--, cider_divergence(device, &p));
  CHECK(cider_divergence_scratch(nullptr, head, 1) == 0, "scratch for null");
  CHECK(cider_divergence_scratch(head, nullptr, 1) == 0, "scratch for null");
  free(scratch);
  for (cider_weight *weight : {head, wide}) cider_weight_release(weight);
  for (cider_buffer *buffer : {x, base_x}) cider_buffer_release(buffer);
}

void test_attention(cider_device *device) {
  cider_kv_cache *cache = nullptr;
  REFUSED(cider_kv_cache_create(nullptr, 2, 1, 2, &cache));
  REFUSED(cider_kv_cache_create(device, 2, 1, 2, nullptr));
  REFUSED(cider_kv_cache_create(device, 0, 1, 2, &cache));
  REFUSED(cider_kv_cache_create(device, 2, 0, 2, &cache));
  REFUSED(cider_kv_cache_create(device, 2, 1, 0, &cache));
  EXPECT(CIDER_OUT_OF_MEMORY, cider_kv_cache_create(device, huge, huge, huge, &cache));
  EXPECT(CIDER_OUT_OF_MEMORY, cider_kv_cache_create(device, huge, 4096, 1, &cache));
  CHECK(cache == nullptr, "a cache after a failure");
  CHECK(cider_kv_cache_length(nullptr) == 0, "length of null");
  cider_kv_cache_release(nullptr);

  ACCEPTED(cider_kv_cache_create(device, 2, 1, 2, &cache));
  cider_buffer *q = buffer_of(device, {1, 2, 3, 4});
  cider_buffer *k = buffer_of(device, {0, 0});
  cider_buffer *v = buffer_of(device, {5, 7});
  cider_buffer *out = buffer_of(device, {0, 0, 0, 0});
  const cider_attention_params params = {out, q, k, v, cache, 1, 2, 0, 0.5f, 0};
  REFUSED(cider_attention(nullptr, &params));
  REFUSED(cider_attention(device, nullptr));
  REFUSED_WITH(params, p.out = nullptr, cider_attention(device, &p));
  REFUSED_WITH(params, p.q = nullptr, cider_attention(device, &p));
  REFUSED_WITH(params, p.k = nullptr, cider_attention(device, &p));
  REFUSED_WITH(params, p.v = nullptr, cider_attention(device, &p));
  REFUSED_WITH(params, p.cache = nullptr, cider_attention(device, &p));
  REFUSED_WITH(params, p.rows = 0, cider_attention(device, &p));
  REFUSED_WITH(params, p.rows = 2, cider_attention(device, &p));
  REFUSED_WITH(params, p.rows = huge, cider_attention(device, &p));
  REFUSED_WITH(params, p.heads = 0, cider_attention(device, &p));
  REFUSED_WITH(params, p.heads = huge, cider_attention(device, &p));
  REFUSED_WITH(params, p.soft_cap = -1, cider_attention(device, &p));
  REFUSED_WITH(params, p.soft_cap = NAN, cider_attention(device, &p));
  REFUSED_WITH(params, p.soft_cap = INFINITY, cider_attention(device, &p));
  CHECK(cider_kv_cache_length(cache) == 0, "%u positions after failures", cider_kv_cache_length(cache));

  // One position gets all weight; of two equal keys both get half.
  ACCEPTED(cider_attention(device, &params));
  check_values("attention", out, {5, 7, 5, 7});
  const float second[] = {7, 9};
  ACCEPTED(cider_buffer_write(v, 0, second, 2));
  ACCEPTED(cider_attention(device, &params));
  check_values("attention", out, {6, 8, 6, 8});
  CHECK(cider_kv_cache_length(cache) == 2, "%u positions", cider_kv_cache_length(cache));
  REFUSED(cider_attention(device, &params)); // the cache is full
  cider_kv_cache_release(cache);

  ACCEPTED(cider_kv_cache_create(device, 2, 2, 1, &cache));
  REFUSED_WITH(params, (p.cache = cache, p.heads = 3), cider_attention(device, &p));
  cider_kv_cache_release(cache);
  cider_buffer_release(q);
  cider_buffer_release(k);
  cider_buffer_release(v);
  cider_buffer_release(out);
}

void test_rope(cider_device *device) {
  const float frequencies[] = {1};
  cider_buffer *x = buffer_of(device, {1, 0, 1, 0});
  const cider_rope_params params = {x, frequencies, 2, 2, 2, 0, 1};
  ACCEPTED(cider_rope(device, &params));
  check_values("rope", x, {1, 0, cosf(1), sinf(1)});

  REFUSED(cider_rope(nullptr, &params));
  REFUSED(cider_rope(device, nullptr));
  REFUSED_WITH(params, p.x = nullptr, cider_rope(device, &p));
  REFUSED_WITH(params, p.inverse_frequencies = nullptr, cider_rope(device, &p));
  REFUSED_WITH(params, p.rows = 0, cider_rope(device, &p));
  REFUSED_WITH(params, p.rows = 3, cider_rope(device, &p));
  REFUSED_WITH(params, p.columns = 0, cider_rope(device, &p));
  REFUSED_WITH(params, p.columns = 3, cider_rope(device, &p));
  REFUSED_WITH(params, p.columns = huge, cider_rope(device, &p));
  REFUSED_WITH(params, p.head_dim = 0, cider_rope(device, &p));
  REFUSED_WITH(params, p.head_dim = 1, cider_rope(device, &p));
  REFUSED_WITH(params, p.head_dim = 4, cider_rope(device, &p));
  REFUSED_WITH(params, p.first_position = huge, cider_rope(device, &p));
  cider_buffer_release(x);
}

void test_rows(cider_device *device) {
  cider_buffer *x = buffer_of(device, {3, 4, 0, 0});
  cider_buffer *gain = buffer_of(device, {1, 2});
  cider_buffer *out = buffer_of(device, {0, 0, 0, 0});
  const cider_rms_norm_params norm = {out, x, gain, 2, 2, 1e-12f};
  ACCEPTED(cider_rms_norm(device, &norm));
  check_values("rms_norm", out, {3 / sqrtf(12.5f), 8 / sqrtf(12.5f), 0, 0});
  REFUSED(cider_rms_norm(nullptr, &norm));
  REFUSED(cider_rms_norm(device, nullptr));
  REFUSED_WITH(norm, p.out = nullptr, cider_rms_norm(device, &p));
  REFUSED_WITH(norm, p.x = nullptr, cider_rms_norm(device, &p));
  REFUSED_WITH(norm, p.gain = nullptr, cider_rms_norm(device, &p));
  REFUSED_WITH(norm, p.rows = 0, cider_rms_norm(device, &p));
  REFUSED_WITH(norm, p.rows = 3, cider_rms_norm(device, &p));
  REFUSED_WITH(norm, p.columns = 0, cider_rms_norm(device, &p));
  REFUSED_WITH(norm, (p.columns = 4, p.rows = 1), cider_rms_norm(device, &p));
  REFUSED_WITH(norm, p.columns = p.rows = huge, cider_rms_norm(device, &p));

  const cider_elementwise_params pair = {out, x, gain, 2};
  ACCEPTED(cider_add(device, &pair));
  check_values("add", out, {4, 6});
  ACCEPTED(cider_silu_mul(device, &pair));
  check_values("silu_mul", out, {3 / (1 + expf(-3)), 8 / (1 + expf(-4))});
  ACCEPTED(cider_gelu_tanh_mul(device, &pair));
  check_values("gelu_tanh_mul", out, {2.99636261f, 7.99986016f});
  int (*const operations[])(cider_device *, const cider_elementwise_params *) = {cider_add, cider_silu_mul,
                                                                                 cider_gelu_tanh_mul};
  for (const auto operation : operations) {
    REFUSED(operation(nullptr, &pair));
    REFUSED(operation(device, nullptr));
    REFUSED_WITH(pair, p.out = nullptr, operation(device, &p));
    REFUSED_WITH(pair, p.a = nullptr, operation(device, &p));
    REFUSED_WITH(pair, p.b = nullptr, operation(device, &p));
    REFUSED_WITH(pair, p.count = 0, operation(device, &p));
    REFUSED_WITH(pair, p.count = 3, operation(device, &p));
    REFUSED_WITH(pair, p.count = UINT64_MAX, operation(device, &p));
  }

  const cider_soft_cap_params cap = {x, 2, 2};
  ACCEPTED(cider_soft_cap(device, &cap));
  check_values("soft_cap", x, {2 * tanhf(1.5f), 2 * tanhf(2), 0, 0});
  REFUSED(cider_soft_cap(nullptr, &cap));
  REFUSED(cider_soft_cap(device, nullptr));
  REFUSED_WITH(cap, p.x = nullptr, cider_soft_cap(device, &p));
  REFUSED_WITH(cap, p.count = 0, cider_soft_cap(device, &p));
  REFUSED_WITH(cap, p.count = 5, cider_soft_cap(device, &p));
  REFUSED_WITH(cap, p.count = UINT64_MAX, cider_soft_cap(device, &p));
  REFUSED_WITH(cap, p.cap = 0, cider_soft_cap(device, &p));
  REFUSED_WITH(cap, p.cap = NAN, cider_soft_cap(device, &p));
  REFUSED_WITH(cap, p.cap = INFINITY, cider_soft_cap(device, &p));
  cider_buffer_release(x);
  cider_buffer_release(gain);
  cider_buffer_release(out);
}

void test_tokens(cider_device *device) {
  cider_buffer *logits = buffer_of(device, {5, 1, 1, 1, 9, 9});
  int32_t ids[2] = {-1, -1};
  const cider_argmax_params argmax = {logits, ids, 2, 3};
  ACCEPTED(cider_argmax(device, &argmax));
  CHECK(ids[0] == 0 && ids[1] == 1, "argmax: %d, %d", ids[0], ids[1]);
  REFUSED(cider_argmax(nullptr, &argmax));
  REFUSED(cider_argmax(device, nullptr));
  REFUSED_WITH(argmax, p.logits = nullptr, cider_argmax(device, &p));
  REFUSED_WITH(argmax, p.token_ids = nullptr, cider_argmax(device, &p));
  REFUSED_WITH(argmax, p.rows = 0, cider_argmax(device, &p));
  REFUSED_WITH(argmax, p.rows = huge, cider_argmax(device, &p));
  REFUSED_WITH(argmax, p.columns = 0, cider_argmax(device, &p));
  REFUSED_WITH(argmax, p.columns = 4, cider_argmax(device, &p));

  cider_sample_params sample = {logits, 2, 3, 1, 2, 1, 0.75, -1};
  ACCEPTED(cider_sample(device, &sample));
  CHECK(sample.token_id == 2, "sample: %d", sample.token_id);
  REFUSED(cider_sample(nullptr, &sample));
  REFUSED(cider_sample(device, nullptr));
  REFUSED_WITH(sample, p.logits = nullptr, cider_sample(device, &p));
  REFUSED_WITH(sample, p.rows = 0, cider_sample(device, &p));
  REFUSED_WITH(sample, p.rows = 3, cider_sample(device, &p));
  REFUSED_WITH(sample, p.columns = 0, cider_sample(device, &p));
  REFUSED_WITH(sample, p.columns = huge, cider_sample(device, &p));
  REFUSED_WITH(sample, p.temperature = 0, cider_sample(device, &p));
  REFUSED_WITH(sample, p.temperature = -1, cider_sample(device, &p));
  REFUSED_WITH(sample, p.temperature = NAN, cider_sample(device, &p));
  REFUSED_WITH(sample, p.temperature = INFINITY, cider_sample(device, &p));
  REFUSED_WITH(sample, p.top_p = 0, cider_sample(device, &p));
  REFUSED_WITH(sample, p.top_p = 1.5f, cider_sample(device, &p));
  REFUSED_WITH(sample, p.top_p = NAN, cider_sample(device, &p));
  REFUSED_WITH(sample, p.random = 1, cider_sample(device, &p));
  REFUSED_WITH(sample, p.random = -0.5, cider_sample(device, &p));
  REFUSED_WITH(sample, p.random = NAN, cider_sample(device, &p));
  const float bad[] = {NAN, INFINITY};
  for (const float value : bad) {
    ACCEPTED(cider_buffer_write(logits, 5, &value, 1));
    REFUSED(cider_sample(device, &sample));
  }
  cider_buffer_release(logits);
}

void test_quantization(cider_device *device) {
  const float x[4] = {127, -1, 0, 0};
  int8_t codes[4];
  float scales[2];
  const cider_quantize_per_token_params token = {x, codes, scales, 2, 2};
  ACCEPTED(cider_quantize_per_token(device, &token));
  CHECK(codes[0] == 127 && codes[1] == -1 && codes[2] == 0 && scales[0] == 1 && scales[1] == 1, "%d %d %d, %g %g",
        codes[0], codes[1], codes[2], double{scales[0]}, double{scales[1]});
  REFUSED(cider_quantize_per_token(nullptr, &token));
  REFUSED(cider_quantize_per_token(device, nullptr));
  REFUSED_WITH(token, p.x = nullptr, cider_quantize_per_token(device, &p));
  REFUSED_WITH(token, p.codes = nullptr, cider_quantize_per_token(device, &p));
  REFUSED_WITH(token, p.scales = nullptr, cider_quantize_per_token(device, &p));
  REFUSED_WITH(token, p.rows = 0, cider_quantize_per_token(device, &p));
  REFUSED_WITH(token, p.columns = 0, cider_quantize_per_token(device, &p));

  const cider_quantize_rows_params rows = {x, codes, scales, CIDER_F32, 8, 2, 2, 0};
  ACCEPTED(cider_quantize_rows(device, &rows));
  CHECK(codes[0] == 127 && codes[1] == -1 && scales[0] == 1, "%d %d, %g", codes[0], codes[1], double{scales[0]});
  REFUSED(cider_quantize_rows(nullptr, &rows));
  REFUSED(cider_quantize_rows(device, nullptr));
  REFUSED_WITH(rows, p.source = nullptr, cider_quantize_rows(device, &p));
  REFUSED_WITH(rows, p.codes = nullptr, cider_quantize_rows(device, &p));
  REFUSED_WITH(rows, p.scales = nullptr, cider_quantize_rows(device, &p));
  REFUSED_WITH(rows, p.dtype = 3, cider_quantize_rows(device, &p));
  REFUSED_WITH(rows, p.dtype = -1, cider_quantize_rows(device, &p));
  REFUSED_WITH(rows, p.bits = 5, cider_quantize_rows(device, &p));
  REFUSED_WITH(rows, p.rows = 0, cider_quantize_rows(device, &p));
  REFUSED_WITH(rows, p.columns = 0, cider_quantize_rows(device, &p));
  const float broken[4] = {1, 2, 3, NAN};
  cider_quantize_rows_params non_finite = rows;
  non_finite.source = broken;
  EXPECT(CIDER_NON_FINITE, cider_quantize_rows(device, &non_finite));
  CHECK(strstr(cider_last_error(), "row 1, column 1") != nullptr, "%s", cider_last_error());
}

void test_matmul(cider_device *device) {
  const int8_t a[2] = {-128, 1};
  const int8_t b[4] = {-128, 0, 3, 4};
  int32_t out[2] = {};
  const uint64_t scratch_bytes = cider_matmul_int8_scratch(device, 1, 2, 2);
  void *scratch = scratch_of(scratch_bytes);
  const cider_matmul_int8_params params = {a, b, out, 1, 2, 2, scratch, scratch_bytes};
  ACCEPTED(cider_matmul_int8(device, &params));
  CHECK(out[0] == 16384 && out[1] == -380, "%d, %d", out[0], out[1]);
  REFUSED(cider_matmul_int8(nullptr, &params));
  REFUSED(cider_matmul_int8(device, nullptr));
  REFUSED_WITH(params, p.a = nullptr, cider_matmul_int8(device, &p));
  REFUSED_WITH(params, p.b = nullptr, cider_matmul_int8(device, &p));
  REFUSED_WITH(params, p.out = nullptr, cider_matmul_int8(device, &p));
  REFUSED_WITH(params, p.m = 0, cider_matmul_int8(device, &p));
  REFUSED_WITH(params, p.n = 0, cider_matmul_int8(device, &p));
  REFUSED_WITH(params, p.k = 0, cider_matmul_int8(device, &p));
  REFUSED_WITH(params, p.k = 131'072, cider_matmul_int8(device, &p));
  REFUSED_WITH(params, p.k = huge, cider_matmul_int8(device, &p));
  if (scratch_bytes > 0) {
    REFUSED_WITH(params, p.scratch = nullptr, cider_matmul_int8(device, &p));
    REFUSED_WITH(params, p.scratch_bytes--, cider_matmul_int8(device, &p));
  }
  CHECK(cider_matmul_int8_scratch(nullptr, 1, 1, 1) == 0, "scratch for null");
  CHECK(cider_matmul_int8_scratch(device, 0, 1, 1) == 0, "scratch for no rows");
  CHECK(cider_matmul_int8_scratch(device, 1, 1, huge) == 0, "scratch for too long sums");
  free(scratch);
}

} // namespace

int main() {
  const char *isas = cider_list_isas();
  test_device(isas);
  for (const char *isa = isas; *isa != '\0'; isa += strcspn(isa, " "), isa += strspn(isa, " ")) {
    char name[32];
    snprintf(name, sizeof name, "%.*s", static_cast<int>(strcspn(isa, " ")), isa);
    for (int32_t threads = 1; threads <= 3; threads++) {
      cider_device *device = open_device(name, threads);
      CHECK(strcmp(cider_device_isa(device), name) == 0, "%s instead of %s", cider_device_isa(device), name);
      CHECK(cider_device_threads(device) == threads, "%d instead of %d", cider_device_threads(device), threads);
      test_device_error(device);
      test_buffers(device);
      test_files(device);
      test_weights(device);
      test_words(device);
      test_embedding(device);
      test_linear(device);
      test_cross_entropy(device);
      test_divergence(device);
      test_attention(device);
      test_rope(device);
      test_rows(device);
      test_tokens(device);
      test_quantization(device);
      test_matmul(device);
      cider_close(device);
    }
  }
  return cider::test::report();
}
