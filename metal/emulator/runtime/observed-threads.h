// The threads that ThreadSanitizer takes lanes for. It tells only 255 threads apart in the life of a process, later
// ones are mistaken for earlier ones; so a few are made once and used again.
#pragma once

#include <stdint.h>
#include <vector>

namespace emulator {

class ObservedThreads {
public:
  // For the lanes of threadgroups that run one after the other on one of `hosts` threads of the system.
  explicit ObservedThreads(unsigned hosts);
  ObservedThreads(const ObservedThreads &) = delete;

  // The threads of a threadgroup are one of two sets, by its number in the launch, so that races between threadgroups
  // are seen as well. Larger threadgroups have several lanes of a simdgroup on a thread. Null without ThreadSanitizer.
  void *of_lane(uint32_t lane, uint32_t lanes, uint64_t threadgroup);

private:
  std::vector<void *> threads_; // made when first used
  uint32_t set_size_;
};

} // namespace emulator
