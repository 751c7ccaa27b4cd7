#include "thread-pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <atomic>
#include <new>

namespace cider {

namespace {

// Idle threads watch for the next run this long before they sleep: longer than the gap between two operations of a
// forward pass, since waking a sleeping thread costs more than a whole decode-sized product.
constexpr uint64_t spin_nanoseconds = 200'000;
// Pauses between two looks at the clock.
constexpr int pauses_per_look = 64;
// Polls of a straggler before the caller offers its core to it.
constexpr int polls_before_yield = 4096;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

uint64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

// A run is one 64-bit word: its number, whether threads may still join, and how many have joined and not yet left. The
// caller closes the run when no task is left to hand out, so a thread that wakes late joins nothing and is not awaited.
constexpr uint64_t run_number = uint64_t{1} << 32;
constexpr uint64_t open_bit = uint64_t{1} << 31;
constexpr uint64_t joined_mask = open_bit - 1;

} // namespace

struct ThreadPool::Shared {
  struct Worker {
    Shared *shared;
    uint32_t thread;
    pthread_t handle;
  };

  // Each on its own cache line: `state` is polled while `next` is hammered.
  alignas(64) std::atomic<uint64_t> state{0};
  alignas(64) std::atomic<uint32_t> next{0};
  alignas(64) std::atomic<uint32_t> sleepers{0};
  std::atomic<bool> stopping{false};
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t wake = PTHREAD_COND_INITIALIZER;

  // The run at hand: written before it opens, read by those who joined.
  void (*body)(void *, uint32_t, uint32_t) = nullptr;
  void *context = nullptr;
  uint32_t tasks = 0;

  uint32_t threads = 1;
  uint32_t started = 0; // workers
  Worker *workers = nullptr;

  void take_tasks(uint32_t thread) {
    for (uint32_t task = next.fetch_add(1, std::memory_order_relaxed); task < tasks;
         task = next.fetch_add(1, std::memory_order_relaxed)) {
      body(context, task, thread);
    }
  }

  bool try_join() {
    uint64_t seen = state.load(std::memory_order_acquire);
    while (seen & open_bit) {
      if (state.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire)) return true;
    }
    return false;
  }

  void leave() { state.fetch_sub(1, std::memory_order_release); }

  // Until another run than `number` has begun or the pool stops; the number of the run.
  uint64_t await_run(uint64_t number) {
    const auto current = [&] { return state.load() / run_number; };
    const auto waiting = [&] { return current() == number && !stopping.load(); };
    const uint64_t deadline = now() + spin_nanoseconds;
    do {
      for (int i = 0; i < pauses_per_look; i++) {
        if (!waiting()) return current();
        pause();
      }
    } while (now() < deadline);
    pthread_mutex_lock(&mutex);
    sleepers.fetch_add(1); // before the last look at `state`; announce() does it in the opposite order
    while (waiting()) pthread_cond_wait(&wake, &mutex);
    sleepers.fetch_sub(1);
    pthread_mutex_unlock(&mutex);
    return current();
  }

  void announce() {
    if (sleepers.load() == 0) return;
    pthread_mutex_lock(&mutex);
    pthread_cond_broadcast(&wake);
    pthread_mutex_unlock(&mutex);
  }

  static void *work(void *argument) {
    const Worker *worker = static_cast<Worker *>(argument);
    Shared &shared = *worker->shared;
    uint64_t number = 0;
    for (;;) {
      number = shared.await_run(number);
      if (shared.stopping.load()) return nullptr;
      if (shared.try_join()) {
        shared.take_tasks(worker->thread);
        shared.leave();
      }
    }
  }
};

ThreadPool *ThreadPool::create(uint32_t threads) {
  if (threads == 0) return nullptr;
  void *pool_memory = malloc(sizeof(ThreadPool));
  void *shared_memory = nullptr;
  auto *workers = static_cast<Shared::Worker *>(calloc(threads, sizeof(Shared::Worker)));
  if (pool_memory == nullptr || workers == nullptr ||
      posix_memalign(&shared_memory, alignof(Shared), sizeof(Shared)) != 0) {
    free(pool_memory);
    free(workers);
    return nullptr;
  }
  auto *pool = new (pool_memory) ThreadPool;
  Shared &shared = *(pool->shared_ = new (shared_memory) Shared);
  shared.threads = threads;
  shared.workers = workers;
  for (uint32_t thread = 1; thread < threads; thread++) {
    Shared::Worker &worker = workers[shared.started];
    worker = {&shared, thread, {}};
    if (pthread_create(&worker.handle, nullptr, Shared::work, &worker) != 0) {
      destroy(pool);
      return nullptr;
    }
    shared.started++;
  }
  return pool;
}

void ThreadPool::destroy(ThreadPool *pool) {
  if (pool == nullptr) return;
  Shared &shared = *pool->shared_;
  shared.stopping.store(true);
  shared.announce();
  for (uint32_t i = 0; i < shared.started; i++) pthread_join(shared.workers[i].handle, nullptr);
  pthread_cond_destroy(&shared.wake);
  pthread_mutex_destroy(&shared.mutex);
  free(shared.workers);
  free(&shared);
  free(pool);
}

uint32_t ThreadPool::threads() const { return shared_->threads; }

void ThreadPool::run(uint32_t tasks, void (*body)(void *, uint32_t, uint32_t), void *context) {
  Shared &shared = *shared_;
  if (shared.started == 0 || tasks <= 1) {
    for (uint32_t task = 0; task < tasks; task++) body(context, task, 0);
    return;
  }
  shared.body = body;
  shared.context = context;
  shared.tasks = tasks;
  shared.next.store(0, std::memory_order_relaxed);
  // A run that is over left its number, closed and with nobody joined.
  shared.state.store((shared.state.load(std::memory_order_relaxed) + run_number) | open_bit);
  shared.announce();
  shared.take_tasks(0);
  uint64_t state = shared.state.fetch_and(~open_bit, std::memory_order_acquire);
  for (int polls = 0; (state & joined_mask) != 0; state = shared.state.load(std::memory_order_acquire)) {
    if (++polls < polls_before_yield) {
      pause();
    } else {
      sched_yield();
    }
  }
}

} // namespace cider
