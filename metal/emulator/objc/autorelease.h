// Pools of references to give up later, nested, each thread's own.
#pragma once

namespace emulator {

// A token for pop_pool.
void *push_pool();
// Also pops the pools that were pushed since.
void pop_pool(void *pool);

} // namespace emulator
