#include "threadgroup.h"

#include <stdio.h>
#include <string.h>

#include "diagnose.h"
#include "environment.h"
#include "float-mode.h"
#include "place.h"
#include "sanitizers.h"

namespace emulator {
namespace {

thread_local Threadgroup *running_threadgroup = nullptr;

} // namespace

Threadgroup::Threadgroup(unsigned threads) : lanes_(new Lane[MAX_LANES]), threads_(threads) {}

Threadgroup *Threadgroup::running() { return running_threadgroup; }

void Threadgroup::run(const Launch &launch, const Size3 &position, uint64_t index, LaunchEdges &edges) {
  launch_ = &launch;
  position_ = position;
  launch_edges_ = &edges;
  lane_count_ = static_cast<uint32_t>(volume(launch.threads));
  simdgroup_count_ = (lane_count_ + SIMDGROUP_LANES - 1) / SIMDGROUP_LANES;
  random_ = Random(environment().order_seed + (index << 32));
  FiberHost host;
  host_ = &host;
  running_threadgroup = this;
  const KernelFloatMode float_mode;
  const UnobservedScope unobserved; // the scheduler; lanes are observed
  start_lanes(index);
  do {
    bool advanced = true;
    while (advanced) {
      advanced = false;
      const Walk walk(simdgroup_count_, environment().order, random_);
      for (uint64_t step = 0; step < walk.steps(); step++) {
        const uint32_t index = static_cast<uint32_t>(walk.at(step));
        if (index < simdgroup_count_ && advance(simdgroup(index))) advanced = true;
      }
    }
  } while (meet_in_threadgroup());
  finish_lanes();
  running_threadgroup = nullptr;
}

void Threadgroup::start_lanes(uint64_t index) {
  memory_ = std::make_unique<ThreadgroupMemory>();
  edges_ = std::make_unique<BarrierEdges>();
  arguments_ = launch_->arguments;
  for (int i = 0; i < SLOTS; i++) {
    const size_t bytes = launch_->threadgroup_bytes[i];
    arguments_.threadgroup_memory[i] = bytes ? memory_->allocate(bytes) : nullptr;
  }
  stacks_.reserve(lane_count_);
  stacks_.renew(lane_count_);
  for (uint32_t i = 0; i < lane_count_; i++) {
    Lane &lane = lanes_[i];
    lane = {};
    lane.index = i;
    lane.fiber.start(stacks_.stack(i), stacks_.stack_bytes(), enter_lane, threads_.of_lane(i, lane_count_, index));
  }
}

void Threadgroup::finish_lanes() {
  memory_.reset();
  edges_.reset();
}

void Threadgroup::enter_lane() {
  Threadgroup &self = *running_threadgroup;
  Lane &lane = *self.lane_;
  lane.fiber.entered(*self.host_);
  acquire_from(&self.launch_edges_->began);
  self.launch_->kernel->function(self.arguments_, self.launch_->kernel->parameters);
  release_to(&self.launch_edges_->ended);
  lane.state = LaneState::returned;
  lane.fiber.leave(*self.host_);
}

void Threadgroup::resume(Lane &lane) {
  lane_ = &lane;
  lane.fiber.resume(*host_);
  lane_ = nullptr;
}

Threadgroup::Range Threadgroup::simdgroup(uint32_t index) const {
  const uint32_t first = index * SIMDGROUP_LANES;
  const uint32_t left = lane_count_ - first;
  return {first, left < SIMDGROUP_LANES ? left : SIMDGROUP_LANES};
}

// ---- from the lane that runs ----

void Threadgroup::wait(const Meeting &meeting) {
  Lane &lane = *lane_;
  lane.meeting = meeting;
  lane.state = LaneState::waiting;
  lane.leads = false;
  lane.fiber.yield(*host_);
}

void Threadgroup::barrier(uint32_t flags, const Meeting &meeting) {
  Lane &lane = *lane_;
  const bool simdgroup_only = meeting.is_of_simdgroup();
  uint32_t &passed = simdgroup_only ? lane.simdgroup_barriers : lane.threadgroup_barriers;
  char *edges = simdgroup_only ? edges_->simdgroup[lane.index / SIMDGROUP_LANES] : edges_->threadgroup;
  char *edge = &edges[passed++ % 2];
  if (flags) release_to(edge);
  wait(meeting);
  if (flags) acquire_from(edge);
}

void Threadgroup::collective(uint32_t simdgroups, void *slot, const Meeting &meeting) {
  if (simdgroups > 0 && simdgroups * SIMDGROUP_LANES != lane_count_) {
    diagnose("%s is for %u simdgroups of 32 lanes, but the threadgroup has %u lanes", meeting.operation, simdgroups,
             lane_count_);
    return;
  }
  Lane &lane = *lane_;
  lane.slot = slot;
  wait(meeting);
  if (!lane.leads) return;
  const UnobservedScope unobserved;
  meeting.function(slots_, simdgroups > 0 ? lane_count_ : SIMDGROUP_LANES);
}

Size3 Threadgroup::builtin(int builtin) const {
  const Size3 &threads = launch_->threads, &groups = launch_->threadgroups;
  const uint32_t index = lane_->index;
  const Size3 lane = {index % threads.x, index / threads.x % threads.y, index / threads.x / threads.y};
  switch (builtin) {
  case thread_position_in_grid:
    return {position_.x * threads.x + lane.x, position_.y * threads.y + lane.y, position_.z * threads.z + lane.z};
  case threadgroup_position_in_grid:
    return position_;
  case thread_position_in_threadgroup:
    return lane;
  case thread_index_in_threadgroup:
    return {index, 0, 0};
  case simdgroup_index_in_threadgroup:
    return {index / SIMDGROUP_LANES, 0, 0};
  case thread_index_in_simdgroup:
    return {index % SIMDGROUP_LANES, 0, 0};
  case threads_per_threadgroup:
    return threads;
  case threadgroups_per_grid:
    return groups;
  case threads_per_grid:
    return {threads.x * groups.x, threads.y * groups.y, threads.z * groups.z};
  case simdgroups_per_threadgroup:
    return {simdgroup_count_, 1, 1};
  case threads_per_simdgroup:
    return {SIMDGROUP_LANES, 1, 1};
  default:
    fail("the runtime knows no built-in value %d", builtin);
  }
}

std::string Threadgroup::describe_lane() const {
  char text[256];
  const int length = snprintf(text, sizeof text, " (kernel %s, threadgroup (%u, %u, %u)", launch_->kernel->name,
                              position_.x, position_.y, position_.z);
  if (lane_)
    snprintf(text + length, sizeof text - length, ", lane %u)", lane_->index);
  else
    snprintf(text + length, sizeof text - length, ")");
  return text;
}

std::string running_lane() { return running_threadgroup ? running_threadgroup->describe_lane() : ""; }

// ---- the scheduler ----

bool Threadgroup::advance(Range simdgroup) {
  bool advanced = false;
  while (run_ready_lanes(simdgroup) || meet_in_simdgroup(simdgroup)) {
    advanced = true;
    // A seeded order lets other simdgroups on after each step, the others take each as far as it comes.
    if (environment().order == Order::seeded) break;
  }
  return advanced;
}

bool Threadgroup::run_ready_lanes(Range simdgroup) {
  const Walk walk(simdgroup.count, environment().order, random_);
  bool ran = false;
  for (uint64_t step = 0; step < walk.steps(); step++) {
    const uint64_t i = walk.at(step);
    if (i >= simdgroup.count || lanes_[simdgroup.first + i].state != LaneState::ready) continue;
    resume(lanes_[simdgroup.first + i]);
    ran = true;
  }
  return ran;
}

// Of the places where lanes wait, the one that is served next: one where lanes may be missing before one where all must
// be, as those that are missing may still come; then the one that is earlier in the program, as diverged lanes meet
// again further down. Null if nobody waits.
const Meeting *Threadgroup::next_meeting(Range range, bool of_simdgroup) const {
  const Meeting *next = nullptr;
  for (uint32_t i = range.first; i < range.first + range.count; i++) {
    const Meeting &meeting = lanes_[i].meeting;
    if (lanes_[i].state != LaneState::waiting || meeting.is_of_simdgroup() != of_simdgroup) continue;
    const bool earlier = next && meeting.all_lanes == next->all_lanes && meeting.place < next->place;
    if (!next || earlier || (next->all_lanes && !meeting.all_lanes)) next = &meeting;
  }
  return next;
}

// Says where the others are if not.
bool Threadgroup::all_are_at(const Meeting &meeting, Range range) const {
  uint32_t here = 0, returned = 0;
  for (uint32_t i = range.first; i < range.first + range.count; i++) {
    returned += lanes_[i].state == LaneState::returned;
    here += lanes_[i].state == LaneState::waiting && lanes_[i].meeting == meeting;
  }
  if (here == range.count) return true;
  if (!meeting.all_lanes) return false;
  const char *scope = meeting.is_of_simdgroup() ? "simdgroup" : "threadgroup";
  if (returned > 0) {
    diagnose("%s at %s: %u lanes of the %s wait, but %u have returned", meeting.operation,
             describe_place(meeting.place).c_str(), here, scope, returned);
  }
  if (here + returned < range.count) {
    diagnose("%s at %s in divergent code: %u lanes of the %s wait there, %u elsewhere", meeting.operation,
             describe_place(meeting.place).c_str(), here, scope, range.count - here - returned);
  }
  return false;
}

// Lets the lanes of the meeting go on. One of them, the first in the order of lanes, does the work of a collective
// before any other runs.
void Threadgroup::meet(const Meeting &meeting, Range range, bool complete) {
  Lane *leader = nullptr;
  const Meeting copy = meeting; // it is that of a lane, which may come to wait elsewhere
  const Walk walk(range.count, environment().order, random_);
  memset(slots_, 0, (range.count < SIMDGROUP_LANES ? SIMDGROUP_LANES : range.count) * sizeof *slots_);
  for (uint64_t step = 0; step < walk.steps(); step++) {
    const uint64_t i = walk.at(step);
    if (i >= range.count) continue;
    Lane &lane = lanes_[range.first + i];
    if (lane.state != LaneState::waiting || !(lane.meeting == copy)) continue;
    slots_[i] = lane.slot;
    lane.state = LaneState::ready;
    if (!leader) leader = &lane;
  }
  if (!copy.function || !complete || !leader) return;
  leader->leads = true;
  resume(*leader);
}

bool Threadgroup::meet_in_simdgroup(Range simdgroup) {
  const Meeting *next = next_meeting(simdgroup, true);
  if (!next) return false;
  const bool complete = all_are_at(*next, simdgroup);
  meet(*next, simdgroup, complete || !next->all_lanes);
  return true;
}

bool Threadgroup::meet_in_threadgroup() {
  const Range all = {0, lane_count_};
  const Meeting *next = next_meeting(all, false);
  if (!next) return false;
  meet(*next, all, all_are_at(*next, all));
  return true;
}

} // namespace emulator
