// The switches of the emulator, read once from the process's environment.
#pragma once

#include <stdint.h>
#include <string>

namespace emulator {

enum class Order { forward, backward, seeded };

struct Version {
  int major, minor;
  auto operator<=>(const Version &) const = default;
};

struct Environment {
  Order order;         // of lanes, simdgroups and threadgroups
  uint32_t order_seed; // of Order::seeded
  int layout;          // Layout
  uint32_t layout_seed;
  bool flush_subnormals;
  Version os;
  bool is_m5;        // else an M4
  unsigned threads;  // of the operating system, each with a threadgroup
  bool fatal;        // a diagnostic ends the process
  std::string cache; // folder of translated libraries
  std::string cxxflags;
  std::string fail; // faults to inject: faults.h
};

const Environment &environment();

} // namespace emulator
