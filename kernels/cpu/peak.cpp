// What the arithmetic units and the memory of this machine give at most.
#include "backend.h"

#include "../abi/memory.h"
#include "handles.h"
#include "peak-kernels.h"

#include <string.h>
#include <time.h>

namespace cider::cpu {

namespace {

// Longer than the caches of any processor, so that it comes from memory.
constexpr uint64_t read_bytes = uint64_t{512} << 20;
constexpr uint64_t cache_line = 64;

// How far ahead a thread asks for what it reads: hardware alone leaves part of the bandwidth unused.
constexpr uint64_t prefetch_bytes = 2048;

// Rounds between two looks at the clock: some 20 µs.
constexpr uint64_t rounds_per_task = 4096;

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

const PeakKernels *peak_kernels(const char *isa) {
  const PeakKernels *const all[] = {
#if defined(__x86_64__)
      &peak_kernels_amx,
      &peak_kernels_avx512vnni,
      &peak_kernels_avx2,
#elif defined(__aarch64__)
      &peak_kernels_neon_i8mm,
      &peak_kernels_neon_dotprod,
#endif
      &peak_kernels_generic,
  };
  for (const PeakKernels *kernels : all) {
    if (strcmp(kernels->isa, isa) == 0) return kernels;
  }
  return &peak_kernels_generic;
}

// Units a second, in billions: of the fastest among runs of `run`, which returns the units that all threads did
// together.
template <typename Run>
double best_rate(double seconds, Run run) {
  double best = 0;
  for (const double end = now() + seconds; now() < end;) {
    const double start = now();
    const double units = static_cast<double>(run());
    const double rate = units / (now() - start) * 1e-9;
    if (rate > best) best = rate;
  }
  return best;
}

double arithmetic_rate(ThreadPool &pool, double seconds, uint64_t (*multiply)(uint64_t rounds)) {
  // As many runs of a thread as keep the hand-over to the pool out of the figure.
  constexpr int repeats = 32;
  return best_rate(seconds, [&] {
    uint64_t operations = multiply(1);
    parallel(pool, pool.threads(), [&](uint32_t, uint32_t) {
      for (int i = 0; i < repeats; i++) multiply(rounds_per_task);
    });
    operations *= rounds_per_task * repeats * pool.threads();
    return operations;
  });
}

// Every cache line of memory [bytes] once.
void read_lines(const uint8_t *memory, uint64_t bytes) {
  typedef uint64_t Vector __attribute__((vector_size(16)));
  Vector sums[4] = {};
  for (uint64_t at = 0; at < bytes; at += cache_line) {
    __builtin_prefetch(memory + at + prefetch_bytes);
    const auto *line = reinterpret_cast<const Vector *>(memory + at);
    for (int i = 0; i < 4; i++) sums[i] += line[i];
  }
  __asm__ volatile("" : : "m"(sums));
}

double read_rate(ThreadPool &pool, double seconds, const uint8_t *memory) {
  const uint32_t threads = pool.threads();
  const uint64_t share = read_bytes / threads / cache_line * cache_line;
  return best_rate(seconds, [&] {
    parallel(pool, threads, [&](uint32_t task, uint32_t) { read_lines(memory + task * share, share); });
    return share * threads;
  });
}

} // namespace

int peak(cider_device *handle, cider_peak_params &params) {
  const Device &device = device_of(handle);
  auto *memory = static_cast<uint8_t *>(allocate(read_bytes));
  if (memory == nullptr) return fail(CIDER_OUT_OF_MEMORY, "peak: no memory for %llu bytes", read_bytes + 0ull);
  memset(memory, 1, read_bytes);

  const PeakKernels &kernels = *peak_kernels(device.kernels->isa);
  ThreadPool &pool = *device.pool;
  params.int8_gops = arithmetic_rate(pool, params.seconds, kernels.int8);
  params.f32_gops = arithmetic_rate(pool, params.seconds, kernels.f32);
  params.bf16_gops = kernels.has_bf16() ? arithmetic_rate(pool, params.seconds, kernels.bf16) : 0;
  params.read_gbs = read_rate(pool, params.seconds, memory);
  deallocate(memory, read_bytes);
  return CIDER_OK;
}

} // namespace cider::cpu
