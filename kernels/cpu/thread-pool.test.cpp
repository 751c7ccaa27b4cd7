#include "thread-pool.h"

#include <time.h>

#include "test.h"

using namespace cider;

namespace {

// Each task runs once, on a thread that exists, and what it wrote is there afterwards.
void test_runs(ThreadPool &pool, uint32_t tasks) {
  static uint32_t runs[1000];
  memset(runs, 0, sizeof runs);
  uint32_t per_thread[8] = {};
  parallel(pool, tasks, [&](uint32_t task, uint32_t thread) {
    runs[task]++;
    per_thread[thread]++;
  });
  uint32_t total = 0;
  for (uint32_t thread = 0; thread < 8; thread++) {
    CHECK(thread < pool.threads() || per_thread[thread] == 0, "thread %u of %u", thread, pool.threads());
    total += per_thread[thread];
  }
  CHECK(total == tasks, "%u of %u tasks on %u threads", total, tasks, pool.threads());
  for (uint32_t task = 0; task < 1000; task++) {
    CHECK(runs[task] == (task < tasks ? 1 : 0), "task %u of %u ran %u times", task, tasks, runs[task]);
  }
}

void sleep_until_idle_threads_sleep() {
  const timespec millisecond = {0, 1'000'000};
  nanosleep(&millisecond, nullptr);
}

void test_pool(uint32_t threads) {
  ThreadPool *pool = ThreadPool::create(threads);
  CHECK(pool != nullptr, "%u threads", threads);
  CHECK(pool->threads() == threads, "%u", pool->threads());
  for (const uint32_t tasks : {0, 1, 2, 3, 7, 1000}) test_runs(*pool, tasks);
  for (int i = 0; i < 20; i++) {
    sleep_until_idle_threads_sleep();
    test_runs(*pool, 100);
  }
  // Short runs in quick succession: threads that come late to one must not take part in the next by mistake.
  uint64_t sum = 0;
  for (uint32_t run = 0; run < 20'000; run++) {
    uint32_t parts[3] = {};
    parallel(*pool, 3, [&](uint32_t task, uint32_t) { parts[task] = run + task; });
    sum += parts[0] + parts[1] + parts[2];
  }
  CHECK(sum == 3 * (20'000ull * 19'999 / 2) + 3 * 20'000, "%llu", static_cast<unsigned long long>(sum));
  ThreadPool::destroy(pool);
}

} // namespace

int main() {
  CHECK(ThreadPool::create(0) == nullptr, "a pool without threads");
  ThreadPool::destroy(nullptr);
  for (const uint32_t threads : {1, 2, 3, 8}) test_pool(threads);
  // Pools that end before their threads have begun to wait.
  for (int i = 0; i < 100; i++) ThreadPool::destroy(ThreadPool::create(4));
  return test::report();
}
