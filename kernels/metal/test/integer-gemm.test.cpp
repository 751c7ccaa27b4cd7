// The integer products of every library on the cases of docs/numerics.md, bit by bit, in several orders of lanes, and
// where it must not matter, with several layouts of cooperative tensors.
//
//   integer-gemm [library] [all]    of one library; `all` has every pair of K and N, and all cases in every setting
#include "integer-layer.h"

#include <sys/wait.h>
#include <unistd.h>

namespace cider::test {
namespace {

constexpr uint32_t FEATURES[] = {1, 2, 7, 33, 127, 129, 513, 576, 896, 1025, 4097};
constexpr uint32_t ROWS[] = {1, 2, 7, 31, 32, 33, 64, 65, 128, 129};
constexpr uint32_t GROUP_SIZES[] = {128, 32, 64, 256, 100, 7, 1};

// Products that the emulator does in some milliseconds, and in about a second.
constexpr uint64_t LARGEST_PRODUCT = 1 << 22, LARGEST_OF_ALL = 1 << 28;

class Cases {
public:
  explicit Cases(const Products &products) : products_(products), kernels_({products.file}, products.language) {}

  void layer(const LayerShape &shape, TileSize size = TileSize::AUTO) {
    if (!is_possible(shape)) return;
    check_layer(kernels_, products_, seed_++, shape, size);
  }
  void sums(uint32_t m, uint32_t n, uint32_t k, bool extreme, TileSize size = TileSize::AUTO) {
    if (products_.has_int8) check_sums(kernels_, products_, seed_++, m, n, k, extreme, size);
  }

  void far_weights() {
    if (products_.has_int8) check_far_weights(kernels_, products_);
  }

private:
  // Metal reads its int4 operands in units of 32.
  bool is_possible(const LayerShape &shape) const {
    if (products_.has_int8) return true;
    return shape.bits == 4 && shape.k % 32 == 0 && shape.group_size % 32 == 0;
  }

  const Products &products_;
  Kernels kernels_;
  uint64_t seed_ = 1;
};

// Each K, N and M of the list, beside sizes of the others that are no multiples of a tile.
void each_size(Cases &cases) {
  uint32_t at = 0;
  for (const uint32_t bits : {8u, 4u}) {
    for (const uint32_t k : FEATURES) {
      cases.layer({ROWS[at % 3], 37, k, bits, 0, Values::MIXED});
      cases.layer({9, 35, k, bits, GROUP_SIZES[at % 7], Values::MIXED});
      cases.layer({3, 34, k / 32 * 32 + 32, bits, 0, Values::RANDOM});
      at++;
    }
    for (const uint32_t n : FEATURES) cases.layer({ROWS[at++ % 3], n, 67, bits, 0, Values::RANDOM});
    for (const uint32_t n : FEATURES) cases.layer({3, n, 96, bits, 32, Values::RANDOM});
    for (const uint32_t m : ROWS) {
      cases.layer({m, 67, 161, bits, 0, Values::MIXED});
      cases.layer({m, 67, 160, bits, 0, Values::MIXED});
      for (const uint32_t group_size : GROUP_SIZES) cases.layer({m, 131, 289, bits, group_size, Values::MIXED});
      cases.layer({m, 131, 288, bits, 64, Values::MIXED});
    }
  }
  for (const uint32_t k : FEATURES) cases.sums(5, 37, k, k % 2 == 0);
  for (const uint32_t m : ROWS) cases.sums(m, 129, 66, m % 2 == 0);
}

// Either tile for few rows and for many, and so many tiles that strips have rows beyond the output.
void each_tile(Cases &cases) {
  for (const TileSize size : {TileSize::LARGE, TileSize::SMALL}) {
    for (const uint32_t m : {1u, 65u, 129u}) {
      cases.sums(m, 130, 100, false, size);
      for (const uint32_t bits : {8u, 4u}) {
        cases.layer({m, 130, 96, bits, 0, Values::RANDOM}, size);
        cases.layer({m, 130, 96, bits, 64, Values::RANDOM}, size);
      }
    }
    cases.layer({530, 200, 32, 8, 0, Values::RANDOM}, size);
    cases.layer({901, 40, 32, 4, 32, Values::RANDOM}, size);
  }
}

// What is rounded, what is flushed by hardware, and rows of weights at any address.
void each_kind(Cases &cases) {
  for (const uint32_t bits : {8u, 4u}) {
    for (const uint32_t group_size : {0u, 64u, 4096u}) {
      // Sums beyond 2^24 are rounded when they become floats.
      cases.layer({5, 33, 4096, bits, group_size, Values::EXTREME});
      cases.layer({9, 70, 320, bits, group_size, Values::TINY});
      for (const uint32_t padding : {1u, 2u, 3u, 4u, 16u}) {
        cases.layer({3, 33, 192, bits, group_size, Values::RANDOM, padding});
        cases.layer({3, 33, 197, bits, group_size, Values::RANDOM, padding});
      }
    }
    // A group as long as the row, or longer, rounds like a group.
    cases.layer({9, 35, 128, bits, 128, Values::RANDOM});
    cases.layer({9, 35, 128, bits, 512, Values::RANDOM});
  }
  cases.sums(3, 5, 4097, true);
  cases.sums(2, 3, 131071, true);
  cases.layer({2, 3, 131071, 8, 0, Values::EXTREME});
  cases.far_weights();
}

// Every pair of K and N, with rows, groups and widths that go round.
void each_pair(Cases &cases, uint64_t largest) {
  uint32_t at = 0;
  for (const uint32_t k : FEATURES) {
    for (const uint32_t n : FEATURES) {
      at++;
      for (const uint32_t m : {ROWS[at % 10], ROWS[at % 2]}) {
        if (uint64_t{m < 32 ? 32 : m} * n * k > largest) continue;
        cases.layer({m, n, k, at % 3 == 0 ? 4u : 8u, 0, Values::RANDOM});
        cases.layer({m, n, k, at % 3 == 1 ? 4u : 8u, GROUP_SIZES[at % 7], Values::MIXED});
      }
    }
  }
}

// A few of everything.
void some_of_each(Cases &cases) {
  for (const TileSize size : {TileSize::LARGE, TileSize::SMALL}) {
    cases.sums(40, 150, 600, false, size);
    for (const uint32_t bits : {8u, 4u}) {
      for (const uint32_t group_size : {0u, 100u, 128u}) {
        cases.layer({33, 150, 601, bits, group_size, Values::MIXED}, size);
        cases.layer({9, 70, 320, bits, group_size, Values::TINY}, size);
      }
    }
  }
}

// What the emulator is told, and how many cases are run with it.
struct Setting {
  const char *layout, *order, *subnormals;
  bool has_every_case;
};

constexpr Setting SETTINGS[] = {
    {"m5", "forward", "flush", true}, {"m5", "backward", "flush", false},     {"m5", "3", "flush", false},
    {"m5", "forward", "keep", false}, {"pre-m5", "backward", "flush", false}, {"7", "forward", "flush", false},
    {"11", "5", "flush", false},
};

// ThreadSanitizer takes long to make the lanes of each threadgroup, and looks at what they share, not at sizes.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CIDER_THREAD_SANITIZER
#endif
#endif
#ifdef CIDER_THREAD_SANITIZER
constexpr bool runs_slowly = true;
#else
constexpr bool runs_slowly = false;
#endif

// Fragments are filled by the layout of an M5; where tensors lie in memory, and without tensors, layouts do not matter.
bool depends_on_layout(const Products &products) { return &products == &FRAGMENTS; }
bool has_layouts(const Products &products) { return &products != &PLAIN; }

[[noreturn]] void run_setting(const Products &products, const Setting &setting, bool is_all) {
  checks = failures = 0; // those are the parent's
  setenv("CIDER_EMULATOR_LAYOUT", setting.layout, 1);
  setenv("CIDER_EMULATOR_ORDER", setting.order, 1);
  setenv("CIDER_EMULATOR_SUBNORMALS", setting.subnormals, 1);
  setenv("CIDER_EMULATOR_FATAL", "1", 1);
  Cases cases(products);
  some_of_each(cases);
  if (is_all || (setting.has_every_case && !runs_slowly)) {
    each_size(cases);
    each_tile(cases);
    each_kind(cases);
    each_pair(cases, is_all ? LARGEST_OF_ALL : LARGEST_PRODUCT);
  }
  exit(report());
}

// In a process of its own, since the emulator reads its settings once.
void check_setting(const Products &products, const Setting &setting, bool is_all) {
  const bool is_m5 = strcmp(setting.layout, "m5") == 0;
  if (!has_layouts(products) && !is_m5) return;
  const bool must_pass = is_m5 || !depends_on_layout(products);
  fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    if (!must_pass && !freopen("/dev/null", "w", stderr)) abort();
    run_setting(products, setting, is_all && must_pass);
  }
  int status = 1;
  const bool passed = child > 0 && waitpid(child, &status, 0) == child && status == 0;
  CHECK(passed == must_pass, "%s with layout %s, order %s, subnormals %s: %s", products.name, setting.layout,
        setting.order, setting.subnormals, passed ? "right without the layout of an M5" : "failed");
}

constexpr const Products *LIBRARIES[] = {&FRAGMENTS, &TENSORS, &PLAIN, &NATIVE_INT4};

} // namespace
} // namespace cider::test

int main(int count, char **arguments) {
  using namespace cider::test;
  const bool is_all = count > 1 && strcmp(arguments[count - 1], "all") == 0;
  const char *name = count > 1 + is_all ? arguments[1] : nullptr;
  for (const Products *products : LIBRARIES) {
    if (name != nullptr && strcmp(name, products->name) != 0) continue;
    for (const Setting &setting : SETTINGS) check_setting(*products, setting, is_all);
  }
  return report();
}
