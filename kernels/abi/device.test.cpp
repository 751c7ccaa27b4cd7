// Backends and devices.
#include "abi-test.h"

#include <pthread.h>

using namespace cider::test;

namespace {

void test_device() {
  const char *isas = cider_list_isas("cpu", nullptr);
  CHECK(cider_abi_version() == CIDER_ABI_VERSION, "%u", cider_abi_version());
  CHECK(strstr(isas, "generic") != nullptr, "%s", isas);
  CHECK(cider_cpu_features() != nullptr, "null");

  cider_device *device = nullptr;
  const cider_open_params defaults = {nullptr, 0, nullptr, nullptr};
  REFUSED(cider_open(nullptr, &device));
  REFUSED(cider_open(&defaults, nullptr));
  REFUSED_WITH(defaults, p.threads = -1, cider_open(&p, &device));
  REFUSED_WITH(defaults, p.threads = INT32_MAX, cider_open(&p, &device));
  cider_open_params unknown = {"sse9", 1, nullptr, nullptr};
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

void test_backends() {
  const char *isas = cider_list_isas("cpu", nullptr);
  CHECK(strcmp(cider_list_isas(nullptr, nullptr), isas) == 0, "%s", cider_list_isas(nullptr, nullptr));
  CHECK(strcmp(cider_list_isas("cpu", "/nonexistent"), isas) == 0, "the cache matters to the cpu backend");
  CHECK(cider_backend_report("cpu", nullptr)[0] == '\0', "%s", cider_backend_report("cpu", nullptr));

  CHECK(cider_list_isas("abacus", nullptr)[0] == '\0', "%s", cider_list_isas("abacus", nullptr));
  CHECK(strcmp(cider_last_error(), "list_isas: this library has no backend abacus") == 0, "%s", cider_last_error());
  CHECK(cider_backend_report("", nullptr)[0] == '\0', "%s", cider_backend_report("", nullptr));
  CHECK(strcmp(cider_last_error(), "backend_report: this library has no backend ") == 0, "%s", cider_last_error());

  cider_device *device = nullptr;
  const cider_open_params unknown = {nullptr, 1, "abacus", nullptr};
  EXPECT(CIDER_UNAVAILABLE, cider_open(&unknown, &device));
  CHECK(strcmp(cider_last_error(), "open: this library has no backend abacus") == 0, "%s", cider_last_error());
  CHECK(device == nullptr, "a device after a failure");
  const cider_open_params named = {"generic", 2, "cpu", "/nonexistent"};
  ACCEPTED(cider_open(&named, &device));
  CHECK(strcmp(cider_device_isa(device), "generic") == 0, "%s", cider_device_isa(device));
  cider_close(device);
}

#if !defined(__APPLE__)
// Without Apple's frameworks, or what stands in for them.
void test_absent_backend() {
  unsetenv("CIDER_METAL_RUNTIME");
  cider_device *device = nullptr;
  const cider_open_params metal = {nullptr, 0, "metal", nullptr};
  EXPECT(CIDER_UNAVAILABLE, cider_open(&metal, &device));
  CHECK(strstr(cider_last_error(), "no backend") == nullptr, "%s", cider_last_error());
  CHECK(device == nullptr, "a device after a failure");
  CHECK(cider_list_isas("metal", nullptr)[0] == '\0', "%s", cider_list_isas("metal", nullptr));
  CHECK(strncmp(cider_backend_report("metal", nullptr), "fail\t", 5) == 0, "%s",
        cider_backend_report("metal", nullptr));
}
#endif

// Operations of the CPU are done when they return, and no unit has a clock of its own.
void test_synchronize(cider_device *device) {
  ACCEPTED(cider_synchronize(device));
  cider_buffer *x = buffer_of(device, {1, 2});
  const cider_elementwise_params pair = {x, x, x, 2};
  ACCEPTED(cider_add(device, &pair));
  ACCEPTED(cider_synchronize(device));
  check_values("add", x, {2, 4});
  CHECK(cider_device_seconds(device) == 0, "%g seconds", cider_device_seconds(device));
  cider_buffer_release(x);
  REFUSED(cider_synchronize(nullptr));
  CHECK(cider_device_seconds(nullptr) == 0, "seconds of null");
}

// That `call` is refused because of whose the handles are.
#define FOREIGN(call)                                                                                                  \
  do {                                                                                                                 \
    REFUSED(call);                                                                                                     \
    CHECK(strstr(cider_last_error(), "belongs to another device") != nullptr, "%s: %s", #call, cider_last_error());    \
  } while (0)

// Handles of a device that is open in the same way.
void test_foreign_handles(cider_device *device) {
  const float data[4] = {1, 2, 3, 4};
  cider_device *other = open_device(cider_device_isa(device), cider_device_threads(device));
  cider_buffer *foreign = buffer_of(other, {1, 2});
  cider_buffer *own = buffer_of(device, {1, 2});
  cider_buffer *out = buffer_of(device, {0, 0});
  const cider_weight_params dense = {CIDER_DENSE,    CIDER_F32, 0,        2,        2,          0,
                                     bytes_of(data), no_bytes,  no_bytes, no_bytes, CIDER_BYTES};
  cider_weight *own_weight = create_weight(device, dense);
  cider_weight *foreign_weight = create_weight(other, dense);

  const cider_elementwise_params pair = {out, own, own, 2};
  for (const auto operation : {cider_add, cider_silu_mul, cider_gelu_tanh_mul}) {
    ACCEPTED(operation(device, &pair));
    auto p = pair;
    p.out = foreign;
    FOREIGN(operation(device, &p));
    p = pair;
    p.a = foreign;
    FOREIGN(operation(device, &p));
    p = pair;
    p.b = foreign;
    FOREIGN(operation(device, &p));
  }
  const cider_soft_cap_params cap = {foreign, 2, 1};
  FOREIGN(cider_soft_cap(device, &cap));
  const cider_rms_norm_params norm = {out, own, foreign, 1, 2, 1};
  FOREIGN(cider_rms_norm(device, &norm));
  const float frequency = 1;
  const cider_rope_params rope = {foreign, &frequency, 1, 2, 2, 0, 1};
  FOREIGN(cider_rope(device, &rope));
  int32_t token = 0;
  const cider_argmax_params argmax = {foreign, &token, 1, 2};
  FOREIGN(cider_argmax(device, &argmax));
  cider_sample_params sample = {foreign, 1, 2, 1, 0, 1, 0, 0};
  FOREIGN(cider_sample(device, &sample));

  const cider_embedding_params embedding = {out, foreign_weight, &token, 1, 1};
  FOREIGN(cider_embedding(device, &embedding));
  const uint64_t scratch_bytes = cider_linear_scratch(own_weight, 1);
  void *scratch = scratch_of(scratch_bytes);
  const cider_linear_params linear = {out, own, own_weight, 1, 0, scratch, scratch_bytes};
  ACCEPTED(cider_linear(device, &linear));
  auto with_foreign = linear;
  with_foreign.weight = foreign_weight;
  FOREIGN(cider_linear(device, &with_foreign));
  with_foreign = linear;
  with_foreign.x = foreign;
  FOREIGN(cider_linear(device, &with_foreign));
  double loss = 0;
  const cider_cross_entropy_params entropy = {own, foreign_weight, &token, &loss, 1, 0, nullptr, 0};
  FOREIGN(cider_cross_entropy(device, &entropy));
  uint8_t same = 0;
  const cider_divergence_params divergence = {own, own_weight, own, foreign_weight, &loss, &same, 1, 0, 0, nullptr, 0};
  FOREIGN(cider_divergence(device, &divergence));
  CHECK(cider_divergence_scratch(own_weight, foreign_weight, 1) == 0, "scratch for heads of two devices");

  cider_kv_cache *cache = nullptr;
  ACCEPTED(cider_kv_cache_create(other, 1, 1, 2, &cache));
  const cider_attention_params attention = {out, own, own, own, cache, 1, 1, 0, 1, 0};
  FOREIGN(cider_attention(device, &attention));
  CHECK(cider_kv_cache_length(cache) == 0, "%u positions", cider_kv_cache_length(cache));
  cider_kv_cache_release(cache);

  free(scratch);
  for (cider_weight *weight : {own_weight, foreign_weight}) cider_weight_release(weight);
  for (cider_buffer *buffer : {foreign, own, out}) cider_buffer_release(buffer);
  cider_close(other);
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

} // namespace

int main() {
  test_device();
  test_backends();
#if !defined(__APPLE__)
  test_absent_backend();
#endif
  for_each_device(test_device_error);
  for_each_device(test_synchronize);
  for_each_device(test_foreign_handles);
  return report();
}
