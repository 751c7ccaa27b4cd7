#include "abi.h"
#include "cpu-cores.h"
#include "cpu-features.h"
#include "error.h"
#include "handles.h"
#include "memory.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

using namespace cider;

namespace {

// More than any machine has cores; a larger number is a mistake.
constexpr int32_t max_threads = 1024;

char isa_names[128];
pthread_once_t isa_names_once = PTHREAD_ONCE_INIT;

void join_isa_names() {
  const KernelList list = runnable_kernels();
  size_t length = 0;
  for (uint32_t i = 0; i < list.count && length < sizeof isa_names; i++) {
    const int written =
        snprintf(isa_names + length, sizeof isa_names - length, i == 0 ? "%s" : " %s", list.items[i].isa);
    length += static_cast<size_t>(written);
  }
}

} // namespace

const char *cider_list_isas(void) {
  pthread_once(&isa_names_once, join_isa_names);
  return isa_names;
}

const char *cider_cpu_features(void) { return cpu_feature_names(); }

int cider_open(const cider_open_params *params, cider_device **device) {
  REQUIRE(params != nullptr && device != nullptr, "open: params or device is null");
  REQUIRE(params->threads >= 0 && params->threads <= max_threads, "open: %d threads, at most %d", params->threads,
          max_threads);
  const Kernels *kernels = select_kernels(params->isa);
  if (kernels == nullptr) {
    return fail(CIDER_UNAVAILABLE, "open: this machine does not run %s; it runs %s", params->isa, cider_list_isas());
  }
  auto *created = static_cast<cider_device *>(malloc(sizeof(cider_device)));
  ThreadPool *pool =
      ThreadPool::create(params->threads == 0 ? physical_cores() : static_cast<uint32_t>(params->threads));
  if (created == nullptr || pool == nullptr) {
    free(created);
    ThreadPool::destroy(pool);
    return fail(CIDER_OUT_OF_MEMORY, "open: no memory for %d threads", params->threads);
  }
  *created = {.kernels = kernels, .pool = pool, .scratch = nullptr, .scratch_bytes = 0, .error = {}};
  *device = created;
  return CIDER_OK;
}

void cider_close(cider_device *device) {
  if (device == nullptr) return;
  ThreadPool::destroy(device->pool);
  deallocate(device->scratch, device->scratch_bytes);
  free(device);
}

const char *cider_device_isa(const cider_device *device) { return device == nullptr ? "" : device->kernels->isa; }

int32_t cider_device_threads(const cider_device *device) {
  return device == nullptr ? 0 : static_cast<int32_t>(device->pool->threads());
}
