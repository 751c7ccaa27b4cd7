// The backend `metal`: its table of functions, and how a device is opened.
#include "buffers.h"
#include "operations.h"
#include "verdict.h"
#include "weights.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

namespace cider {
namespace metal {
namespace {

// For texts that outlive their call.
pthread_mutex_t text_mutex = PTHREAD_MUTEX_INITIALIZER;
char isa_names[64];
char absence[512];

// Where nothing passed: with the first step that failed.
int refuse(const char *function, const Verdict &verdict) {
  const char *step = strstr(verdict.report.words(), "fail\t") + strlen("fail\t");
  const auto name_length = static_cast<int>(strcspn(step, "\t"));
  const char *detail = step + name_length + 1;
  return fail(CIDER_UNAVAILABLE, "%s: the trial of Metal failed, %.*s: %.*s", function, name_length, step,
              static_cast<int>(strcspn(detail, "\n")), detail);
}

// The path of this name that passed, the best for null.
int select_path(const Verdict &verdict, const char *isa, Path *path) {
  if (!verdict.any()) return refuse("open", verdict);
  if (isa == nullptr) {
    *path = verdict.best();
    return CIDER_OK;
  }
  for (uint32_t i = 0; i < path_count; i++) {
    *path = static_cast<Path>(i);
    if (verdict.passed[i] && strcmp(isa, path_text(*path)) == 0) return CIDER_OK;
  }
  return fail(CIDER_UNAVAILABLE, "open: Metal does not run %s on this machine", isa);
}

int open(const cider_open_params &params, cider_device **device) {
  // Held before the trial, which leaves its libraries and pipelines to the device.
  Machine *machine = hold_machine();
  if (machine == nullptr) return CIDER_UNAVAILABLE;
  const Verdict *verdict = find_verdict(params.cache);
  Path path;
  const int status = verdict == nullptr ? CIDER_UNAVAILABLE : select_path(*verdict, params.isa, &path);
  if (status != CIDER_OK) {
    leave_machine(machine);
    return status;
  }
  Device *created;
  TRY(create_device(machine, params.cache, &created)); // which leaves the machine if it fails
  created->path = path;
  created->has_plain = verdict->passed[plain_path];
  created->has_native_int4 = verdict->has_native_int4;
  // The plain path is free of tensors altogether.
  created->has_float_tensors = path != plain_path && verdict->has_float_tensors;
  *device = created;
  return CIDER_OK;
}

void close(cider_device *handle) {
  Device &device = device_of(handle);
  device.commands.finish();
  leave_device(device);
}

const char *isa(const cider_device *device) { return path_text(static_cast<const Device *>(device)->path); }

// The one that asks: the rest is done by the GPU.
int32_t threads(const cider_device *) { return 1; }

int synchronize(cider_device *device) { return device_of(device).commands.wait(); }

double seconds(const cider_device *device) { return device_of(const_cast<cider_device *>(device)).commands.seconds(); }

const char *list_isas(const char *cache) {
  const Verdict *verdict = find_verdict(cache);
  if (verdict == nullptr) return "";
  pthread_mutex_lock(&text_mutex);
  Text names;
  for (uint32_t i = 0; i < path_count; i++) {
    if (verdict->passed[i]) names.format("%s%s", names.length() == 0 ? "" : " ", path_text(static_cast<Path>(i)));
  }
  snprintf(isa_names, sizeof isa_names, "%s", names.words());
  pthread_mutex_unlock(&text_mutex);
  if (!verdict->any()) refuse("list_isas", *verdict);
  return isa_names;
}

const char *report(const char *cache) {
  const Verdict *verdict = find_verdict(cache);
  if (verdict != nullptr) return verdict->report.words();
  pthread_mutex_lock(&text_mutex);
  snprintf(absence, sizeof absence, "fail\tmetal\t%s\n", cider_last_error());
  pthread_mutex_unlock(&text_mutex);
  return absence;
}

// Scratch is the device's own.
uint64_t linear_scratch(const cider_weight *, uint32_t) { return 0; }
uint64_t cross_entropy_scratch(const cider_weight *, uint32_t) { return 0; }
uint64_t divergence_scratch(const cider_weight *, const cider_weight *, uint32_t) { return 0; }
uint64_t matmul_int8_scratch(const cider_device *, uint32_t, uint32_t, uint32_t) { return 0; }

} // namespace
} // namespace metal

constexpr Backend metal_backend = {
    .name = "metal",
    .open = metal::open,
    .close = metal::close,
    .isa = metal::isa,
    .threads = metal::threads,
    .synchronize = metal::synchronize,
    .seconds = metal::seconds,
    .list_isas = metal::list_isas,
    .report = metal::report,

    .buffer_create = metal::buffer_create,
    .buffer_write = metal::buffer_write,
    .buffer_read = metal::buffer_read,
    .buffer_release = metal::buffer_release,
    .weight_create = metal::weight_create,
    .weight_release = metal::weight_release,
    .kv_cache_create = metal::kv_cache_create,
    .kv_cache_release = metal::kv_cache_release,

    .embedding = metal::embedding,
    .rms_norm = metal::rms_norm,
    .rope = metal::rope,
    .attention = metal::attention,
    .silu_mul = metal::silu_mul,
    .gelu_tanh_mul = metal::gelu_tanh_mul,
    .add = metal::add,
    .soft_cap = metal::soft_cap,
    .linear_scratch = metal::linear_scratch,
    .linear = metal::linear,
    .cross_entropy_scratch = metal::cross_entropy_scratch,
    .cross_entropy = metal::cross_entropy,
    .divergence_scratch = metal::divergence_scratch,
    .divergence = metal::divergence,
    .argmax = metal::argmax,
    .sample = metal::sample,
    .quantize_per_token = metal::quantize_per_token,
    .matmul_int8_scratch = metal::matmul_int8_scratch,
    .matmul_int8 = metal::matmul_int8,
    .quantize_rows = metal::quantize_rows,
    // Apple GPUs have no f64.
    .multiply_add = nullptr,
    .inverse_factor = nullptr,
    .hadamard = nullptr,
    .accumulate = nullptr,
    .peak = metal::peak,
};

} // namespace cider
