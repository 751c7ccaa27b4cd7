// Times integer linear layers, from float input to float output, against the peak of this machine.
//
//   integer-bench [--isa NAME] [--threads T] [--shapes NxK,…] [-m M,…] [--seconds S] [--kinds NAME,…]
//
// Weights are rotated over copies of 192 MB together, so that they come from memory as in a model. Each row is checked
// first: a few outputs against a plain sum. The peaks are measured again between the samples of each row, and the row
// is compared with the best of those: percent of the int8 products that registers alone allow, and for few rows, of the
// bandwidth of reading.
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "../cpu/integer-kernels.h"
#include "../cpu/integer-linear.h"
#include "../cpu/kernel-table.h"
#include "../cpu/peak-kernels.h"
#include "../cpu/quantize.h"
#include "../cpu/test.h"
#include "../cpu/thread-pool.h"

namespace cider {
namespace {

constexpr size_t ROTATED_BYTES = size_t{192} << 20;
constexpr uint32_t FEW_ROWS = 8; // up to which reading the weights may be what takes the time
constexpr uint32_t MAX_LIST = 16;
constexpr uint32_t MAX_SAMPLES = 4096;

struct Kind {
  const char *name;
  uint32_t bits, group_size;
  bool quantized; // also if there is one row
};
constexpr Kind KINDS[] = {
    {"w8a8", 8, 0, true},          {"w8a8-g128", 8, 128, true}, {"w8a8-g64", 8, 64, true},
    {"w4a8", 4, 0, true},          {"w4a8-g128", 4, 128, true}, {"w8a16", 8, 0, false},
    {"w8a16-g128", 8, 128, false}, {"w4a16", 4, 0, false},      {"w4a16-g128", 4, 128, false},
};

struct Shape {
  uint32_t n, k;
};

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Zeroed, 64-byte aligned, in large pages where the system has them.
template <typename T>
T *allocate(size_t count) {
  void *memory = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) abort();
#if defined(MADV_HUGEPAGE)
  madvise(memory, count * sizeof(T), MADV_HUGEPAGE);
#endif
  memset(memory, 0, count * sizeof(T));
  return static_cast<T *>(memory);
}

template <typename T>
void release(T *memory, size_t count) {
  munmap(memory, count * sizeof(T));
}

const PeakKernels &peak_kernels(const char *isa) {
  const PeakKernels *const all[] = {
#if defined(__x86_64__)
      &peak_kernels_amx,
      &peak_kernels_avx512vnni,
      &peak_kernels_avx2,
#elif defined(__aarch64__)
      &peak_kernels_neon_i8mm,
      &peak_kernels_neon_dotprod,
#endif
  };
  for (const PeakKernels *kernels : all) {
    if (strcmp(kernels->isa, isa) == 0) return *kernels;
  }
  return peak_kernels_generic;
}

// Billions of int8 operations a second.
double multiply_peak(const PeakKernels &kernels, ThreadPool &pool) {
  constexpr uint64_t rounds = 500'000;
  const double begin = now();
  parallel(pool, pool.threads(), [&](uint32_t, uint32_t) { kernels.int8(rounds); });
  const double seconds = now() - begin;
  return static_cast<double>(kernels.int8(1) * rounds * pool.threads()) * 1e-9 / seconds;
}

// Billions of bytes a second.
double read_peak(ThreadPool &pool, const uint8_t *memory, size_t bytes) {
  typedef uint64_t Vector __attribute__((vector_size(16)));
  const double begin = now();
  parallel(pool, pool.threads(), [&](uint32_t task, uint32_t) {
    const size_t share = bytes / pool.threads() / 64 * 64;
    Vector sums[4] = {};
    for (size_t at = 0; at < share; at += 64) {
      const uint8_t *line = memory + task * share + at;
      __builtin_prefetch(line + 2048);
      for (int i = 0; i < 4; i++) sums[i] += reinterpret_cast<const Vector *>(line)[i];
    }
    __asm__ volatile("" : : "m"(sums));
  });
  return static_cast<double>(bytes) * 1e-9 / (now() - begin);
}

int ascending(const void *a, const void *b) {
  const double difference = *static_cast<const double *>(a) - *static_cast<const double *>(b);
  return difference < 0 ? -1 : difference > 0;
}

double largest(double a, double b) { return a > b ? a : b; }

struct Options {
  const char *isa = nullptr;
  uint32_t threads = 2;
  double seconds = 1;
  Shape shapes[MAX_LIST] = {{4096, 4096}, {10240, 2560}, {2560, 10240}};
  uint32_t shape_count = 3;
  uint32_t rows[MAX_LIST] = {1, 8, 128, 512};
  uint32_t row_count = 4;
  const char *kinds = nullptr;
};

bool wanted(const Options &options, const char *kind) {
  if (!options.kinds) return true;
  const size_t length = strlen(kind);
  for (const char *at = options.kinds; (at = strstr(at, kind)); at += length) {
    if ((at == options.kinds || at[-1] == ',') && (at[length] == 0 || at[length] == ',')) return true;
  }
  return false;
}

// Outputs of the layer against float sums over the same codes; the quantization of x allows a coarse comparison only.
void check(const IntegerShape &shape, const int8_t *codes, const float *scales, const float *x, uint32_t rows,
           const float *out) {
  test::Random random(7);
  const uint32_t groups = groups_per_row(shape.k, shape.group_size);
  for (int sample = 0; sample < 50; sample++) {
    const uint32_t row = random.below(rows), output = random.below(shape.n);
    double sum = 0, squares = 0;
    for (uint32_t k = 0; k < shape.k; k++) {
      const uint32_t group = shape.group_size == 0 ? 0 : k / shape.group_size;
      const double weight =
          static_cast<double>(codes[size_t{output} * shape.k + k] * scales[size_t{output} * groups + group]);
      const double term = weight * static_cast<double>(x[size_t{row} * shape.k + k]);
      sum += term;
      squares += weight * weight;
    }
    const double error = fabs(static_cast<double>(out[size_t{row} * shape.n + output]) - sum);
    if (!(error <= 8 * sqrt(squares) / 127 / sqrt(12.0))) {
      fprintf(stderr, "out[%u, %u] is off by %g\n", row, output, error);
      exit(1);
    }
  }
}

void time_kind(const Options &options, const Kernels &kernels, ThreadPool &pool, const Kind &kind, Shape size) {
  const IntegerKernels &integer = *kernels.integer;
  const IntegerShape shape = {size.n, size.k, kind.group_size, kind.bits};
  const uint32_t groups = groups_per_row(size.k, kind.group_size);
  uint32_t most_rows = 1;
  for (uint32_t i = 0; i < options.row_count; i++)
    most_rows = options.rows[i] > most_rows ? options.rows[i] : most_rows;

  test::Random random(1);
  const size_t code_count = size_t{size.n} * size.k, scale_count = size_t{size.n} * groups;
  const size_t x_count = size_t{most_rows} * size.k, out_count = size_t{most_rows} * size.n;
  int8_t *codes = allocate<int8_t>(code_count);
  float *scales = allocate<float>(scale_count), *x = allocate<float>(x_count), *out = allocate<float>(out_count);
  const int32_t lowest = -(1 << (kind.bits - 1));
  for (size_t i = 0; i < code_count; i++) {
    codes[i] = static_cast<int8_t>(lowest + static_cast<int32_t>(random.below(1u << kind.bits)));
  }
  for (size_t i = 0; i < scale_count; i++) scales[i] = random.uniform(0.001f, 0.002f);
  for (size_t i = 0; i < x_count; i++) x[i] = random.uniform(-1.0f, 1.0f);

  const size_t packed_bytes = (integer_packed_bytes(integer, shape) + 63) / 64 * 64;
  const size_t copies = ROTATED_BYTES / packed_bytes + 1;
  uint8_t *packed = allocate<uint8_t>(copies * packed_bytes);
  integer_pack(integer, pool, {shape, codes, scales, nullptr, packed});
  for (size_t copy = 1; copy < copies; copy++) memcpy(packed + copy * packed_bytes, packed, packed_bytes);
  const size_t scratch_bytes = integer_linear_scratch_bytes(integer, shape, most_rows, pool.threads());
  uint8_t *scratch = allocate<uint8_t>(scratch_bytes);

  for (uint32_t i = 0; i < options.row_count; i++) {
    const uint32_t rows = options.rows[i];
    if (rows > 1 && !kind.quantized) continue;
    size_t copy = 0;
    const auto run = [&] {
      integer_linear(integer, *kernels.quantize, pool,
                     {shape, packed + copy++ % copies * packed_bytes, x, rows, out, kind.quantized, scratch});
    };
    run();
    check(shape, codes, scales, x, rows, out);
    static double samples[MAX_SAMPLES];
    uint32_t count = 0;
    double gops = 0, gbs = 0;
    const PeakKernels &peak = peak_kernels(kernels.isa);
    for (const double end = now() + options.seconds; (now() < end || count < 5) && count < MAX_SAMPLES; count++) {
      gops = largest(gops, multiply_peak(peak, pool));
      if (rows <= FEW_ROWS) gbs = largest(gbs, read_peak(pool, packed, copies * packed_bytes));
      run();
      const double begin = now();
      const int repeats = rows == 1 ? 4 : 1;
      for (int repeat = 0; repeat < repeats; repeat++) run();
      samples[count] = (now() - begin) / repeats;
    }
    qsort(samples, count, sizeof(double), ascending);
    const double best = samples[0], median = samples[count / 2];
    const double operations = 2e-9 * rows * static_cast<double>(code_count);
    printf("%-10s %5ux%-5u %5u  %-10s  %9.3f ms  %7.1f GOPS (median %7.1f)  %5.1f %% of %6.1f", kernels.isa, size.n,
           size.k, rows, kind.name, best * 1e3, operations / best, operations / median, 100 * operations / best / gops,
           gops);
    if (rows <= FEW_ROWS) {
      const double bytes = 1e-9 * static_cast<double>(packed_bytes);
      printf("  %5.1f GB/s (median %5.1f)  %5.1f %% of %5.1f", bytes / best, bytes / median, 100 * bytes / best / gbs,
             gbs);
    }
    printf("\n");
    fflush(stdout);
  }
  release(codes, code_count);
  release(scales, scale_count);
  release(x, x_count);
  release(out, out_count);
  release(packed, copies * packed_bytes);
  release(scratch, scratch_bytes);
}

bool parse(int argc, char **argv, Options &options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const char *name = argv[i];
    char *value = argv[i + 1];
    if (strcmp(name, "--isa") == 0) {
      options.isa = value;
    } else if (strcmp(name, "--threads") == 0) {
      options.threads = static_cast<uint32_t>(atoi(value));
    } else if (strcmp(name, "--seconds") == 0) {
      options.seconds = atof(value);
    } else if (strcmp(name, "--kinds") == 0) {
      options.kinds = value;
    } else if (strcmp(name, "--shapes") == 0) {
      options.shape_count = 0;
      for (char *item = strtok(value, ","); item && options.shape_count < MAX_LIST; item = strtok(nullptr, ",")) {
        Shape &shape = options.shapes[options.shape_count++];
        if (sscanf(item, "%ux%u", &shape.n, &shape.k) != 2) return false;
      }
    } else if (strcmp(name, "-m") == 0) {
      options.row_count = 0;
      for (char *item = strtok(value, ","); item && options.row_count < MAX_LIST; item = strtok(nullptr, ",")) {
        options.rows[options.row_count++] = static_cast<uint32_t>(atoi(item));
      }
    } else {
      return false;
    }
  }
  return argc % 2 == 1;
}

} // namespace
} // namespace cider

int main(int argc, char **argv) {
  using namespace cider;
  Options options;
  if (!parse(argc, argv, options)) {
    fprintf(stderr,
            "integer-bench [--isa NAME] [--threads T] [--shapes NxK,…] [-m M,…] [--seconds S] [--kinds NAME,…]\n");
    return 2;
  }
  const Kernels *kernels = select_kernels(options.isa);
  ThreadPool *pool = ThreadPool::create(options.threads);
  if (!kernels || !pool) {
    fprintf(stderr, "no such instruction set, or no threads\n");
    return 6;
  }
  for (uint32_t i = 0; i < options.shape_count; i++) {
    for (const Kind &kind : KINDS) {
      if (wanted(options, kind.name)) time_kind(options, *kernels, *pool, kind, options.shapes[i]);
    }
  }
  ThreadPool::destroy(pool);
}
