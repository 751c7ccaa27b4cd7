#include "launch.h"

#include <atomic>
#include <memory>
#include <vector>

#include "diagnose.h"
#include "environment.h"
#include "sanitizer-report.h"
#include "sanitizers.h"
#include "threadgroup.h"
#include "walk.h"
#include "workers.h"

namespace emulator {
namespace {

// Threadgroup memory that the launch gives its parameters; variables of the kernel come on top.
size_t argument_bytes(const Launch &launch) {
  size_t bytes = 0;
  for (size_t each : launch.threadgroup_bytes) bytes += each;
  return bytes;
}

bool is_bound(const Launch &launch, const Parameter &parameter) {
  if (parameter.enabled && !*parameter.enabled) return true;
  if (parameter.kind == buffer_parameter && !launch.arguments.buffers[parameter.index]) {
    diagnose_kernel(launch.kernel->name, "nothing is bound to buffer %d", parameter.index);
    return false;
  }
  if (parameter.kind == threadgroup_parameter && launch.threadgroup_bytes[parameter.index] == 0) {
    diagnose_kernel(launch.kernel->name, "threadgroup memory %d has no length", parameter.index);
    return false;
  }
  return true;
}

// Of a thread of the system; kept between launches for the sake of the stacks.
Threadgroup &threadgroup_of(unsigned thread) {
  static auto *all = new std::vector<std::unique_ptr<Threadgroup>>(environment().threads + 1);
  std::unique_ptr<Threadgroup> &own = (*all)[thread];
  if (!own) own = std::make_unique<Threadgroup>(environment().threads);
  return *own;
}

Size3 position_of(uint64_t index, const Size3 &grid) {
  return {static_cast<uint32_t>(index % grid.x), static_cast<uint32_t>(index / grid.x % grid.y),
          static_cast<uint32_t>(index / grid.x / grid.y)};
}

} // namespace

bool is_sound(const Launch &launch) {
  const Kernel &kernel = *launch.kernel;
  const Size3 &threads = launch.threads, &groups = launch.threadgroups;
  if (volume(groups) == 0 || volume(threads) == 0) {
    diagnose_kernel(kernel.name, "an empty grid: %u x %u x %u threadgroups of %u x %u x %u threads", groups.x, groups.y,
                    groups.z, threads.x, threads.y, threads.z);
    return false;
  }
  const uint32_t limit = kernel.max_threads ? kernel.max_threads : MAX_LANES;
  if (volume(threads) > limit) {
    diagnose_kernel(kernel.name, "%u x %u x %u threads in a threadgroup; at most %u", threads.x, threads.y, threads.z,
                    limit);
    return false;
  }
  const size_t bytes = argument_bytes(launch);
  if (bytes > MAX_THREADGROUP_BYTES) {
    diagnose_kernel(kernel.name, "%zu bytes of threadgroup memory; at most %zu", bytes, MAX_THREADGROUP_BYTES);
    return false;
  }
  for (int i = 0; i < kernel.parameter_count; i++) {
    if (!is_bound(launch, kernel.parameters[i])) return false;
  }
  return true;
}

void run(const Launch &launch) {
  describe_reports();
  const Environment &settings = environment();
  const uint64_t count = volume(launch.threadgroups);
  Random random(settings.order_seed);
  const Walk walk(count, settings.order, random);
  std::atomic<uint64_t> next{0};
  LaunchEdges edges;
  release_to(&edges.began);
  const unsigned threads = count < settings.threads ? static_cast<unsigned>(count) : settings.threads;
  on_each_thread(threads, [&](unsigned thread) {
    for (uint64_t step; (step = next++) < walk.steps();) {
      const uint64_t index = walk.at(step);
      if (index >= count) continue;
      threadgroup_of(thread).run(launch, position_of(index, launch.threadgroups), index, edges);
    }
  });
  acquire_from(&edges.ended);
}

} // namespace emulator
