// How many threads are worth starting.
#pragma once

#include <stdint.h>

namespace cider {

// Physical cores that this process may use, at least 1. Hardware threads of one core count once; a CPU affinity and the
// CPU quota of a container (cgroup v2) are respected.
uint32_t physical_cores();

} // namespace cider
