// An order of 0 … count - 1: as numbers come, from the last, or shuffled by a seed.
#pragma once

#include <stdint.h>

#include "environment.h"

namespace emulator {

// A small generator of pseudo-random numbers.
class Random {
public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
  uint32_t next() {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    const uint32_t high = static_cast<uint32_t>(state_ >> 32);
    return high ^ (high >> 15);
  }

private:
  uint64_t state_;
};

class Walk {
public:
  // `random` gives a shuffled order its first element and its stride.
  Walk(uint64_t count, Order order, Random &random) : count_(count), forward_(order != Order::backward) {
    if (order != Order::seeded) return;
    while (steps_ < count) steps_ *= 2;
    first_ = random.next();
    stride_ = random.next() | 1;
  }

  // How many steps there are; some lead nowhere.
  uint64_t steps() const { return stride_ == 0 ? count_ : steps_; }
  // The element of a step, or count for none. An odd stride visits each remainder of a power of two once.
  uint64_t at(uint64_t step) const {
    if (stride_ == 0) return forward_ ? step : count_ - 1 - step;
    const uint64_t element = (first_ + step * stride_) & (steps_ - 1);
    return element < count_ ? element : count_;
  }

private:
  uint64_t count_;
  bool forward_;
  uint64_t steps_ = 1;
  uint64_t first_ = 0, stride_ = 0;
};

} // namespace emulator
