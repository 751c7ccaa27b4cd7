#include "backend.h"

#include "../abi/memory.h"
#include "cpu-cores.h"
#include "handles.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

namespace cider::cpu {

namespace {

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

// Nothing is found out that is worth keeping in the cache.
const char *list_isas(const char *) {
  pthread_once(&isa_names_once, join_isa_names);
  return isa_names;
}

// Features are looked up; there is nothing to try.
const char *report(const char *) { return ""; }

int open(const cider_open_params &params, cider_device **device) {
  const Kernels *kernels = select_kernels(params.isa);
  if (kernels == nullptr) {
    return fail(CIDER_UNAVAILABLE, "open: this machine does not run %s; it runs %s", params.isa, list_isas(nullptr));
  }
  auto *created = static_cast<Device *>(calloc(1, sizeof(Device)));
  ThreadPool *pool = ThreadPool::create(params.threads == 0 ? physical_cores() : static_cast<uint32_t>(params.threads));
  if (created == nullptr || pool == nullptr) {
    free(created);
    ThreadPool::destroy(pool);
    return fail(CIDER_OUT_OF_MEMORY, "open: no memory for %d threads", params.threads);
  }
  created->backend = &cpu_backend;
  created->kernels = kernels;
  created->pool = pool;
  *device = created;
  return CIDER_OK;
}

void close(cider_device *handle) {
  Device &device = device_of(handle);
  ThreadPool::destroy(device.pool);
  deallocate(device.scratch, device.scratch_bytes);
  free(&device);
}

const char *isa(const cider_device *device) { return device_of(device).kernels->isa; }

int32_t threads(const cider_device *device) { return static_cast<int32_t>(device_of(device).pool->threads()); }

// An operation is done when it returns.
int synchronize(cider_device *) { return CIDER_OK; }

double seconds(const cider_device *) { return 0; }

void *device_scratch(Device &device, uint64_t bytes) {
  if (bytes <= device.scratch_bytes) return device.scratch;
  void *larger = allocate(bytes);
  if (larger == nullptr) return nullptr;
  deallocate(device.scratch, device.scratch_bytes);
  device.scratch = larger;
  device.scratch_bytes = bytes;
  return larger;
}

} // namespace cider::cpu
