#include "device.h"

#include "../../kernels/cpu/cpu-cores.h"
#include "../../kernels/cpu/sizes.h"
#include "../../kernels/cpu/thread-pool.h"

#include <inttypes.h>
#include <new>
#include <stdlib.h>
#include <string.h>

namespace cider::metal {

namespace {

// Some tenths of a second for a GPU without units for matrices: the system ends what takes it for seconds.
constexpr double most_launch_work = 0x1p34;

constexpr const char *path_texts[path_count] = {"fragments", "tensors", "plain"};
constexpr LibraryName path_libraries[path_count] = {fragments_library, tensors_library, plain_library};

void destroy(Device *device) {
  device->commands.close();
  device->rope_tables.clear();
  release_scratch(*device);
  if (device->pool != nullptr) ThreadPool::destroy(device->pool);
  leave_machine(device->machine);
  free(device->cache);
  device->~Device();
  free(device);
}

} // namespace

const char *path_text(Path path) { return path_texts[path]; }
LibraryName library_of(Path path) { return path_libraries[path]; }

int create_device(Machine *machine, const char *cache, Device **device) {
  void *memory = calloc(1, sizeof(Device));
  char *folder = cache == nullptr ? nullptr : strdup(cache);
  if (memory == nullptr || (cache != nullptr && folder == nullptr)) {
    free(memory);
    free(folder);
    leave_machine(machine);
    return fail(CIDER_OUT_OF_MEMORY, "open: no memory");
  }
  auto *created = new (memory) Device{};
  created->backend = &metal_backend;
  created->holders = 1;
  created->machine = machine;
  created->path = plain_path;
  created->launch_work = most_launch_work;
  created->cache = folder;
  const int status = created->commands.open(*machine, created->error);
  if (status != CIDER_OK) {
    destroy(created);
    return status;
  }
  *device = created;
  return CIDER_OK;
}

void hold_device(Device &device) { device.holders.fetch_add(1, std::memory_order_relaxed); }

void leave_device(Device &device) {
  if (device.holders.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(&device);
}

int require_pool(Device &device, ThreadPool **pool) {
  if (device.pool == nullptr) device.pool = ThreadPool::create(physical_cores());
  *pool = device.pool;
  return device.pool != nullptr ? CIDER_OK : fail(CIDER_OUT_OF_MEMORY, "no memory for threads");
}

int new_buffer(Device &device, uint64_t bytes, id *buffer) {
  if (bytes > device.machine->max_buffer_length) {
    return fail(CIDER_OUT_OF_MEMORY, "%" PRIu64 " bytes are more than the %lu that a buffer of Metal may have", bytes,
                device.machine->max_buffer_length);
  }
  const Pool pool;
  *buffer = send<id, UInteger, UInteger>(device.machine->device, &Selectors::new_buffer, bytes, shared_storage);
  return *buffer != nullptr ? CIDER_OK : fail(CIDER_OUT_OF_MEMORY, "Metal has no memory for %" PRIu64 " bytes", bytes);
}

int new_buffer_of(Device &device, const void *memory, uint64_t bytes, id *buffer) {
  TRY(new_buffer(device, bytes, buffer));
  memcpy(contents_of(*buffer), memory, bytes);
  return CIDER_OK;
}

void *contents_of(id buffer) { return send<void *>(buffer, &Selectors::contents); }

int require_scratch(Device &device, ScratchName name, uint64_t bytes, id *buffer) {
  Scratch &scratch = device.scratch[name];
  if (scratch.bytes < bytes) {
    id larger;
    TRY(new_buffer(device, bytes, &larger));
    // Launches that use the smaller one keep it.
    release(scratch.buffer);
    scratch = {larger, bytes};
  }
  *buffer = scratch.buffer;
  return CIDER_OK;
}

void release_scratch(Device &device) {
  for (Scratch &scratch : device.scratch) {
    release(scratch.buffer);
    scratch = {};
  }
}

int launch(Device &device, const Kernel &kernel, const Argument *arguments, uint32_t count, Size groups, double work) {
  id pipeline;
  TRY(require_pipeline(*device.machine, kernel, device.cache, &pipeline));
  return device.commands.launch({pipeline, arguments, count, groups, kernel.threads, work});
}

uint32_t rows_of_launch(const Device &device, uint32_t rows, double work_of_row, uint32_t unit) {
  const double most_rows = device.launch_work / work_of_row;
  return most_rows >= rows ? rows : most(unit, static_cast<uint32_t>(most_rows) / unit * unit);
}

} // namespace cider::metal
