#include "workers.h"

#include <condition_variable>
#include <mutex>
#include <thread>

namespace emulator {
namespace {

struct Shared {
  std::mutex mutex;
  std::condition_variable started, finished;
  const std::function<void(unsigned)> *work = nullptr;
  unsigned long run = 0;   // its number
  unsigned wanted = 0;     // workers of the run
  unsigned unfinished = 0; // of those
  unsigned workers = 0;
};

// Outlives the process's statics, as the workers do.
Shared &shared() {
  static auto *all = new Shared;
  return *all;
}

void serve(unsigned worker) {
  Shared &all = shared();
  std::unique_lock lock(all.mutex);
  for (unsigned long served = 0;;) {
    all.started.wait(lock, [&] { return all.run != served && worker <= all.wanted; });
    served = all.run;
    const auto *work = all.work;
    lock.unlock();
    (*work)(worker);
    lock.lock();
    if (--all.unfinished == 0) all.finished.notify_one();
  }
}

} // namespace

void on_each_thread(unsigned threads, const std::function<void(unsigned)> &work) {
  if (threads <= 1) return work(0);
  Shared &all = shared();
  {
    const std::lock_guard lock(all.mutex);
    all.work = &work;
    all.run++;
    all.wanted = all.unfinished = threads - 1;
    while (all.workers < threads - 1) std::thread(serve, ++all.workers).detach();
  }
  all.started.notify_all();
  work(0);
  std::unique_lock lock(all.mutex);
  all.finished.wait(lock, [&] { return all.unfinished == 0; });
  all.wanted = 0;
}

} // namespace emulator
