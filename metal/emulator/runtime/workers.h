// Threads of the system that are kept from one launch to the next.
#pragma once

#include <functional>

namespace emulator {

// Calls work(0) on this thread and work(1) … work(threads - 1) on others, and returns when all have. One call at a
// time.
void on_each_thread(unsigned threads, const std::function<void(unsigned)> &work);

} // namespace emulator
