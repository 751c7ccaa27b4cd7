// A tiny test harness. A test is one file with main(): checks, then `return cider::test::report()`.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <initializer_list>

namespace cider::test {

inline uint64_t checks = 0;
inline uint64_t failures = 0;

// Counts a check; prints the place, the condition and a printf-style explanation of the first ten that fail.
#define CHECK(condition, ...)                                                                                          \
  do {                                                                                                                 \
    cider::test::checks++;                                                                                             \
    if (!(condition) && cider::test::failures++ < 10) {                                                                \
      fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                                                  \
      fprintf(stderr, __VA_ARGS__);                                                                                    \
      fputc('\n', stderr);                                                                                             \
    }                                                                                                                  \
  } while (0)

// Prints the totals; the exit code of main.
inline int report() {
  printf("%llu checks, %llu failed\n", static_cast<unsigned long long>(checks),
         static_cast<unsigned long long>(failures));
  return failures == 0 ? 0 : 1;
}

// SplitMix64 (Steele, Lea, Flood 2014): the same sequence everywhere.
class Random {
public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t bits() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint32_t below(uint32_t limit) { return static_cast<uint32_t>(((bits() >> 32) * limit) >> 32); }
  float uniform(float low, float high) {
    return low + (high - low) * static_cast<float>(static_cast<double>(bits() >> 11) * 0x1p-53);
  }

private:
  uint64_t state_;
};

// Memory for `count` elements that starts `misalignment` bytes after a 64-byte boundary, between guard bytes.
template <typename T>
class Guarded {
public:
  explicit Guarded(size_t count, size_t misalignment = 0) : bytes_(count * sizeof(T)), start_(guard + misalignment) {
    const size_t total = (start_ + bytes_ + guard + 63) / 64 * 64;
    void *memory = nullptr;
    if (posix_memalign(&memory, 64, total) != 0) abort();
    memory_ = static_cast<unsigned char *>(memory);
    total_ = total;
    memset(memory_, pattern, total_);
  }
  ~Guarded() { free(memory_); }
  Guarded(const Guarded &) = delete;
  Guarded &operator=(const Guarded &) = delete;

  T *data() { return reinterpret_cast<T *>(memory_ + start_); }
  T &operator[](size_t index) { return data()[index]; }

  // Whether nothing was written before the first or behind the last element.
  bool intact() const {
    for (size_t i = 0; i < start_; i++) {
      if (memory_[i] != pattern) return false;
    }
    for (size_t i = start_ + bytes_; i < total_; i++) {
      if (memory_[i] != pattern) return false;
    }
    return true;
  }

private:
  static constexpr size_t guard = 64;
  static constexpr unsigned char pattern = 0xa5;
  size_t bytes_, start_, total_;
  unsigned char *memory_;
};

} // namespace cider::test
