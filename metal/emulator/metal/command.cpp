#include "command.h"

#include "../runtime/walk.h"

namespace emulator {
namespace {

bool execute(const Command &command) {
  Launch launch = {};
  launch.kernel = &command.pipeline->function->kernel;
  launch.threadgroups = command.threadgroups;
  launch.threads = command.threads;
  for (size_t i = 0; i < SLOTS; i++) {
    launch.arguments.buffers[i] = command.bindings[i].data();
    launch.arguments.bytes[i] = command.bindings[i].length();
    launch.threadgroup_bytes[i] = command.threadgroup_bytes[i];
  }
  specialize(*command.pipeline.get());
  if (!is_sound(launch)) return false;
  run(launch);
  return true;
}

} // namespace

bool execute(const CommandGroup &group, bool concurrent) {
  Random random(environment().order_seed);
  const Walk walk(group.size(), concurrent ? environment().order : Order::forward, random);
  bool sound = true;
  for (uint64_t step = 0; step < walk.steps(); step++) {
    const uint64_t i = walk.at(step);
    if (i < group.size()) sound &= execute(group[i]);
  }
  return sound;
}

} // namespace emulator
