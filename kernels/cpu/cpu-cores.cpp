#include "cpu-cores.h"

#if defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(__linux__)
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#endif

namespace cider {

#if defined(__APPLE__)

uint32_t physical_cores() {
  int cores = 0;
  size_t size = sizeof cores;
  if (sysctlbyname("hw.physicalcpu", &cores, &size, nullptr, 0) != 0 || cores < 1) return 1;
  return static_cast<uint32_t>(cores);
}

#elif defined(__linux__)

namespace {

struct Line {
  char text[64];
};

// The beginning of a one-line file of the kernel; empty if there is none.
Line read_line(const char *path) {
  Line line = {};
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return line;
  const ssize_t bytes = read(file, line.text, sizeof line.text - 1);
  close(file);
  line.text[bytes > 0 ? bytes : 0] = '\0';
  return line;
}

// The lowest hardware thread on the core of `cpu`; the file holds a list such as "0,64" or "0-1".
int first_sibling(int cpu) {
  char path[80];
  snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
  const Line list = read_line(path);
  char *end;
  const long first = strtol(list.text, &end, 10);
  return end == list.text || first < 0 || first >= CPU_SETSIZE ? cpu : static_cast<int>(first);
}

// Whole CPUs that the cgroup grants, from "QUOTA PERIOD" in microseconds; `none` for "max PERIOD" or no cgroup.
uint32_t quota_cores(uint32_t none) {
  const Line limit = read_line("/sys/fs/cgroup/cpu.max");
  char *end;
  const long quota = strtol(limit.text, &end, 10);
  const long period = strtol(end, nullptr, 10);
  if (quota <= 0 || period <= 0) return none;
  const long cores = quota / period;
  return cores >= none ? none : cores < 1 ? 1 : static_cast<uint32_t>(cores);
}

} // namespace

uint32_t physical_cores() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return quota_cores(online < 1 ? 1 : static_cast<uint32_t>(online));
  }
  cpu_set_t seen;
  CPU_ZERO(&seen);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (CPU_ISSET(cpu, &allowed)) CPU_SET(first_sibling(cpu), &seen);
  }
  const int cores = CPU_COUNT(&seen);
  return quota_cores(cores < 1 ? 1 : static_cast<uint32_t>(cores));
}

#endif

} // namespace cider
