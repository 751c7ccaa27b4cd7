// Runs the lanes of a threadgroup, one at a time, each until it waits for others.
#pragma once

#include <memory>
#include <string>

#include "fiber.h"
#include "lane.h"
#include "launch.h"
#include "observed-threads.h"
#include "threadgroup-memory.h"
#include "walk.h"

namespace emulator {

// Addresses through which ThreadSanitizer learns that lanes ran after the launch began and before it ended.
struct LaunchEdges {
  char began, ended;
};

class Threadgroup {
public:
  // One of as many as there are threads of the system to run them.
  explicit Threadgroup(unsigned threads);
  Threadgroup(const Threadgroup &) = delete;

  // `index` tells the threadgroups of a launch apart.
  void run(const Launch &launch, const Size3 &position, uint64_t index, LaunchEdges &edges);

  // The one whose lane runs on this thread; null outside of kernels.
  static Threadgroup *running();

  // Of the lane that runs.
  Lane &lane() { return *lane_; }
  Size3 builtin(int builtin) const;
  void barrier(uint32_t flags, const Meeting &meeting);
  void collective(uint32_t simdgroups, void *slot, const Meeting &meeting);
  void *variable(const void *key, size_t bytes) { return memory_->variable(key, bytes); }
  std::string describe_lane() const;
  const Arguments &arguments() const { return arguments_; }

private:
  // Addresses through which ThreadSanitizer learns who waited for whom: in turns, so that a lane that is already on its
  // way to the next barrier is not taken for one before this. Allocated anew for each threadgroup.
  struct BarrierEdges {
    char threadgroup[2];
    char simdgroup[MAX_LANES / SIMDGROUP_LANES][2];
  };

  // Lanes that meet, or might: of a simdgroup or of the threadgroup.
  struct Range {
    uint32_t first, count;
  };

  static void enter_lane();
  void start_lanes(uint64_t index);
  void finish_lanes();
  void resume(Lane &lane);
  void wait(const Meeting &meeting);
  bool advance(Range simdgroup);
  bool run_ready_lanes(Range simdgroup);
  bool meet_in_simdgroup(Range simdgroup);
  bool meet_in_threadgroup();
  const Meeting *next_meeting(Range range, bool of_simdgroup) const;
  bool all_are_at(const Meeting &meeting, Range range) const;
  void meet(const Meeting &meeting, Range range, bool complete);
  Range simdgroup(uint32_t index) const;

  const Launch *launch_ = nullptr;
  Size3 position_ = {};
  LaunchEdges *launch_edges_ = nullptr;
  uint32_t lane_count_ = 0, simdgroup_count_ = 0;
  Arguments arguments_ = {};
  std::unique_ptr<ThreadgroupMemory> memory_;
  std::unique_ptr<BarrierEdges> edges_;
  std::unique_ptr<Lane[]> lanes_;
  StackPool stacks_;
  ObservedThreads threads_;
  FiberHost *host_ = nullptr;
  Lane *lane_ = nullptr;
  Random random_{0};
  void *slots_[MAX_LANES];
};

// " (kernel k, threadgroup (x, y, z), lane l)" for the lane that runs on this thread; empty if none does.
std::string running_lane();

} // namespace emulator
