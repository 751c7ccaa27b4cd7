// libFuzzer's entry: one input is a program of calls of cider.h, on handles that it makes itself.
#include "world.h"

#include <unistd.h>

namespace cider::fuzz {
namespace {

constexpr void (*steps[])(World &, Program &) = {
    step_device, step_buffer, step_file,      step_weight,   step_cache,   step_rows,
    step_linear, step_logits, step_attention, step_integers, step_algebra,
};
constexpr uint32_t step_count = sizeof steps / sizeof *steps;

// Longer programs find nothing that shorter ones do not.
constexpr int max_steps = 48;

// Devices are opened once: each has its threads.
constexpr int max_devices = 16;
cider_device *devices[max_devices];
uint32_t device_count = 0;

cider_file *map_file(uint32_t bytes) {
  char path[] = "/tmp/cider-fuzz-XXXXXX";
  const int descriptor = mkstemp(path);
  if (descriptor < 0) abort();
  for (uint32_t i = 0; i < bytes; i++) {
    const uint8_t byte = static_cast<uint8_t>(i * 37);
    if (write(descriptor, &byte, 1) != 1) abort();
  }
  cider_file *file = nullptr;
  answered("file_open", cider_file_open(path, &file));
  if (cider_file_bytes(file) != bytes) abort();
  close(descriptor);
  unlink(path);
  return file;
}

// One with one thread and one with three for each instruction set.
void open_devices() {
  char names[256];
  snprintf(names, sizeof names, "%s", cider_list_isas("cpu", nullptr));
  for (char *isa = strtok(names, " "); isa != nullptr; isa = strtok(nullptr, " ")) {
    for (int32_t threads = 1; threads <= 3; threads += 2) {
      const cider_open_params params = {isa, threads, nullptr, nullptr};
      if (device_count == max_devices || cider_open(&params, &devices[device_count]) != CIDER_OK) abort();
      device_count++;
    }
  }
}

// What most programs begin with: long buffers, weights and a cache. The others begin with nothing.
void prepare(World &world, Program &program) {
  if (program.once_in(8)) return;
  program.honest = true;
  float values[64];
  for (int i = 0; i < 6; i++) {
    Buffer &buffer = world.buffers[i];
    answered("buffer_create", cider_buffer_create(world.device, max_elements, &buffer.handle));
    if (buffer.handle == nullptr) abort();
    buffer.elements = max_elements;
    program.fill(values, 64);
    answered("buffer_write", cider_buffer_write(buffer.handle, program.byte(), values, 64));
  }
  for (int i = 0; i < 3; i++) step_weight(world, program);
  step_cache(world, program);
  program.honest = false;
}

void release(const World &world) {
  for (const Buffer &buffer : world.buffers) cider_buffer_release(buffer.handle);
  for (const Weight &weight : world.weights) cider_weight_release(weight.handle);
  for (const Cache &cache : world.caches) cider_kv_cache_release(cache.handle);
}

} // namespace
} // namespace cider::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  using namespace cider::fuzz;
  if (device_count == 0) open_devices();
  static const cider_file *const files[] = {map_file(file_bytes), map_file(0)};
  Program program(bytes, count);
  World world = {devices[program.below(device_count)], {files[0], files[1]}};
  prepare(world, program);
  for (int i = 0; i < max_steps && !program.ended(); i++) steps[program.below(step_count)](world, program);
  release(world);
  return 0;
}
