// Devices, buffers, files and caches.
#include "world.h"

namespace cider::fuzz {

void step_device(World &world, Program &program) {
  switch (program.below(4)) {
  case 0: {
    // All of these are refused: a device that is opened starts threads.
    static const cider_open_params wrong[] = {
        {nullptr, -1, nullptr, nullptr}, {nullptr, INT32_MAX, nullptr, nullptr}, {nullptr, 1025, nullptr, nullptr},
        {"", 1, nullptr, nullptr},       {"avx1024", 1, "cpu", nullptr},         {nullptr, 1, "gpu", nullptr},
    };
    cider_device *device = nullptr;
    refused("open", cider_open(&wrong[program.below(6)], program.once_in(4) ? nullptr : &device));
    refused("open", cider_open(nullptr, &device));
    break;
  }
  case 1:
    answered("synchronize", cider_synchronize(world.device));
    refused("synchronize", cider_synchronize(nullptr));
    break;
  case 2: {
    static constexpr double wrong[] = {0, -1, 60.5, 1e300, __builtin_inf(), -__builtin_inf(), __builtin_nan("")};
    cider_peak_params params = {wrong[program.below(7)], 0, 0, 0, 0};
    refused("peak", cider_peak(program.once_in(4) ? nullptr : world.device, &params));
    refused("peak", cider_peak(world.device, nullptr));
    break;
  }
  default:
    if (cider_device_threads(world.device) < 1 || cider_device_threads(nullptr) != 0) abort();
    if (cider_device_isa(world.device)[0] == '\0' || cider_device_isa(nullptr)[0] != '\0') abort();
  }
}

void step_buffer(World &world, Program &program) {
  Buffer &buffer = world.buffer(program);
  const uint32_t action = program.below(4);
  if (action == 0 || buffer.handle == nullptr) {
    cider_buffer_release(buffer.handle);
    buffer = {nullptr, 0};
    const bool sensible = !program.once_in(8);
    // What lies between these and memory that there is would be taken for no reason.
    const uint64_t elements = sensible ? program.small(255) * program.small(16) : program.edge64() | uint64_t{1} << 46;
    const bool empty = !sensible && program.once_in(4);
    const int status = cider_buffer_create(world.device, empty ? 0 : elements, &buffer.handle);
    answered("buffer_create", status, sensible);
    if (status == CIDER_OK) buffer.elements = elements;
    return;
  }
  const uint64_t first = program.once_in(8) ? program.edge64() : program.below(256) * program.small(16);
  const uint64_t count = program.once_in(8) ? program.edge64() : program.below(256) * program.small(16);
  const bool sensible = first <= buffer.elements && count <= buffer.elements - first;
  Memory<float> values(sensible ? count : 1);
  if (action == 1) {
    answered("buffer_read", cider_buffer_read(buffer.handle, first, values.get(), count), sensible);
  } else {
    program.fill(values.get(), sensible ? count : 1);
    answered("buffer_write", cider_buffer_write(buffer.handle, first, values.get(), count), sensible);
  }
  if (count > 0) refused("buffer_write", cider_buffer_write(buffer.handle, 0, nullptr, count));
}

void step_file(World &, Program &program) {
  static const char *const paths[] = {"", "/", "/tmp", "/dev/null", "/dev/zero", "/nowhere/at/all", nullptr};
  cider_file *file = nullptr;
  refused("file_open", cider_file_open(paths[program.below(7)], &file));
  if (cider_file_bytes(nullptr) != 0) abort();
  cider_file_close(nullptr);
}

void step_cache(World &world, Program &program) {
  Cache &cache = world.cache(program);
  cider_kv_cache_release(cache.handle);
  cache = {};
  const bool sensible = !program.lies_in(8);
  uint32_t sizes[] = {program.small(40), program.small(4), program.small(40)};
  if (!sensible) {
    // None at all, or more than can be; not what a large machine might have.
    const bool none = program.once_in(2);
    for (uint32_t &size : sizes) size = none ? size : UINT32_MAX - size;
    if (none) sizes[program.below(3)] = 0;
  }
  const auto [capacity, kv_heads, head_dim] = sizes;
  const int status = cider_kv_cache_create(world.device, capacity, kv_heads, head_dim, &cache.handle);
  answered("kv_cache_create", status, sensible);
  if (status == CIDER_OK) cache = {cache.handle, capacity, kv_heads, head_dim};
  if (cider_kv_cache_length(cache.handle) != 0) abort();
}

} // namespace cider::fuzz
