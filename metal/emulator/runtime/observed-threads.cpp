#include "observed-threads.h"

#include "launch.h"
#include "sanitizers.h"

namespace emulator {
namespace {

// Leaves some for the host.
constexpr uint32_t MAX_THREADS = 240;
constexpr uint32_t SETS = 2;

} // namespace

ObservedThreads::ObservedThreads(unsigned hosts) {
  set_size_ = MAX_THREADS / SETS / (hosts > 0 ? hosts : 1);
  if (set_size_ == 0) set_size_ = 1;
  threads_.resize(SETS * set_size_);
}

void *ObservedThreads::of_lane([[maybe_unused]] uint32_t lane, [[maybe_unused]] uint32_t lanes,
                               [[maybe_unused]] uint64_t threadgroup) {
#ifdef CIDER_EMULATOR_TSAN
  uint32_t index = lane;
  if (lanes > set_size_) {
    const uint32_t simdgroups = (lanes + SIMDGROUP_LANES - 1) / SIMDGROUP_LANES;
    const uint32_t each = set_size_ > simdgroups ? set_size_ / simdgroups : 1;
    index = (lane / SIMDGROUP_LANES * each + lane % SIMDGROUP_LANES % each) % set_size_;
  }
  // Neighbours in either direction of a grid are to be in different sets: odd multiples mix well.
  const uint64_t set = (threadgroup * 0x9e3779b97f4a7c15) >> 63;
  void *&thread = threads_[set * set_size_ + index];
  if (!thread) thread = __tsan_create_fiber(0);
  return thread;
#else
  return nullptr;
#endif
}

} // namespace emulator
