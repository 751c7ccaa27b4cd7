// A device of the backend `metal`, and what its operations share.
#pragma once

#include "commands.h"
#include "rope-tables.h"

#include "../../kernels/abi/abi.h"
#include "../../kernels/abi/backend.h"

#include <atomic>

namespace cider {

class ThreadPool;

namespace metal {

// Ways to multiply integers, best first.
enum Path : uint32_t { fragments_path, tensors_path, plain_path, path_count };

const char *path_text(Path path);
LibraryName library_of(Path path);

// Memory of the GPU that a later operation may use again: they run one after the other.
enum ScratchName : uint32_t {
  code_scratch,
  scale_scratch,
  logit_scratch,
  base_logit_scratch,
  result_scratch,
  partial_scratch,
  sum_scratch,
  scratch_count,
};

struct Scratch {
  id buffer;
  uint64_t bytes;
};

struct Device : cider_device {
  // cider_close takes one away, as do buffers, weights and caches that go later.
  std::atomic<uint32_t> holders;
  Machine *machine;
  Commands commands;
  Path path;
  bool has_plain, has_native_int4, has_float_tensors; // which passed their trials
  double launch_work;                                 // multiplications that a launch should not have more of
  char *cache;                                        // the folder, null for none
  Scratch scratch[scratch_count];
  RopeTables rope_tables;
  ThreadPool *pool; // for what the processor does; null before the first of it
};

inline Device &device_of(cider_device *device) { return *static_cast<Device *>(device); }

// A device of the plain path. The caller's hold of the machine becomes the device's, or is given up if that fails.
int create_device(Machine *machine, const char *cache, Device **device);
void hold_device(Device &device);
void leave_device(Device &device);

// Threads for work on weights, which the processor does once.
int require_pool(Device &device, ThreadPool **pool);

// ---- buffers of Metal ----

constexpr UInteger shared_storage = 0; // of MTLResourceOptions

// Zeroed memory that processor and GPU share; fails beyond what one buffer may have.
int new_buffer(Device &device, uint64_t bytes, id *buffer);
// A buffer with a copy of memory.
int new_buffer_of(Device &device, const void *memory, uint64_t bytes, id *buffer);
void *contents_of(id buffer);

// Scratch of at least as many bytes, whatever they hold.
int require_scratch(Device &device, ScratchName name, uint64_t bytes, id *buffer);
// Gives all of it back.
void release_scratch(Device &device);

// ---- launches ----

inline Argument whole(id buffer) { return {buffer, 0, nullptr, 0}; }
inline Argument part(id buffer, uint64_t offset) { return {buffer, offset, nullptr, 0}; }
inline Argument further(const Argument &argument, uint64_t bytes) {
  return part(argument.buffer, argument.offset + bytes);
}
template <class T>
Argument copy_of(const T &parameters) {
  return {nullptr, 0, &parameters, sizeof parameters};
}

int launch(Device &device, const Kernel &kernel, const Argument *arguments, uint32_t count, Size groups, double work);

// How many of `rows` rows go into a launch, so that it does not keep the GPU for long: all, or a multiple of `unit`.
uint32_t rows_of_launch(const Device &device, uint32_t rows, double work_of_row, uint32_t unit);

// Runs a kernel over `groups` groups of the threads that it names.
template <uint32_t N>
int launch(Device &device, const Kernel &kernel, const Argument (&arguments)[N], Size groups, double work) {
  return launch(device, kernel, arguments, N, groups, work);
}

} // namespace metal
} // namespace cider
