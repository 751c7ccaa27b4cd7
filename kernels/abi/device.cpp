#include "backends.h"
#include "checks.h"

#include "../cpu/cpu-features.h"

using namespace cider;

namespace {

// More than any machine has cores; a larger number is a mistake.
constexpr int32_t max_threads = 1024;

} // namespace

const char *cider_list_isas(const char *backend, const char *cache) {
  const Backend *found = find_backend("list_isas", backend);
  return found == nullptr ? "" : found->list_isas(cache);
}

const char *cider_backend_report(const char *backend, const char *cache) {
  const Backend *found = find_backend("backend_report", backend);
  return found == nullptr ? "" : found->report(cache);
}

const char *cider_cpu_features(void) { return cpu_feature_names(); }

int cider_open(const cider_open_params *params, cider_device **device) {
  REQUIRE(params != nullptr && device != nullptr, "open: params or device is null");
  REQUIRE(params->threads >= 0 && params->threads <= max_threads, "open: %d threads, at most %d", params->threads,
          max_threads);
  const Backend *backend = find_backend("open", params->backend);
  return backend == nullptr ? CIDER_UNAVAILABLE : backend->open(*params, device);
}

void cider_close(cider_device *device) {
  if (device != nullptr) device->backend->close(device);
}

const char *cider_device_isa(const cider_device *device) {
  return device == nullptr ? "" : device->backend->isa(device);
}

int32_t cider_device_threads(const cider_device *device) {
  return device == nullptr ? 0 : device->backend->threads(device);
}

int cider_synchronize(cider_device *device) {
  REQUIRE(device != nullptr, "synchronize: device is null");
  const ErrorScope error_scope(device->error);
  return device->backend->synchronize(device);
}

double cider_device_seconds(const cider_device *device) {
  return device == nullptr ? 0 : device->backend->seconds(device);
}
