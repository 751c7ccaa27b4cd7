// The same operations on two backends: metal, and the processor with plain C++, for comparison.
#pragma once

#include "scenario.h"

#include <stdlib.h>

namespace cider::test {

// Fails the program where a call that only prepares a test does.
#define MUST(call)                                                                                                     \
  do {                                                                                                                 \
    if ((call) != CIDER_OK) {                                                                                          \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, cider_last_error());                               \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

struct Sides {
  cider_device *metal, *cpu;

  Sides(const char *isa, const char *cache) : metal(open_metal(isa, cache)) {
    const cider_open_params params = {"generic", 1, nullptr, nullptr};
    MUST(cider_open(&params, &cpu));
  }
  ~Sides() {
    cider_close(metal);
    cider_close(cpu);
  }
  Sides(const Sides &) = delete;
  Sides &operator=(const Sides &) = delete;
};

// A buffer on either side with the same values.
class Pair {
public:
  Pair(const Sides &sides, uint64_t count) : count_(count) {
    MUST(cider_buffer_create(sides.metal, count, &metal));
    MUST(cider_buffer_create(sides.cpu, count, &cpu));
  }
  Pair(const Sides &sides, uint64_t count, float low, float high, Random &random) : Pair(sides, count) {
    auto *values = static_cast<float *>(malloc(count * sizeof(float)));
    for (uint64_t i = 0; i < count; i++) values[i] = random.uniform(low, high);
    write(values);
    free(values);
  }
  ~Pair() {
    cider_buffer_release(metal);
    cider_buffer_release(cpu);
  }
  Pair(const Pair &) = delete;
  Pair &operator=(const Pair &) = delete;

  void write(const float *values) {
    MUST(cider_buffer_write(metal, 0, values, count_));
    MUST(cider_buffer_write(cpu, 0, values, count_));
  }

  // The largest difference; infinite for a number beside a NaN. Reading waits for what metal was asked for.
  double difference() const;
  bool has_equal_bits() const;

  cider_buffer *metal, *cpu;

private:
  float *read(const cider_buffer *buffer) const {
    auto *values = static_cast<float *>(malloc(count_ * sizeof(float)));
    MUST(cider_buffer_read(buffer, 0, values, count_));
    return values;
  }
  uint64_t count_;
};

// A weight on either side.
struct WeightPair {
  WeightPair(const Sides &sides, const cider_weight_params &params) {
    MUST(cider_weight_create(sides.metal, &params, &metal));
    MUST(cider_weight_create(sides.cpu, &params, &cpu));
  }
  ~WeightPair() {
    cider_weight_release(metal);
    cider_weight_release(cpu);
  }
  WeightPair(const WeightPair &) = delete;
  WeightPair &operator=(const WeightPair &) = delete;

  cider_weight *metal, *cpu;
};

// What cider_weight_params point to, filled at random.
class WeightData {
public:
  // Of integer codes, symmetric or affine; scales have an exponent from `low` to `low` + 8.
  WeightData(int32_t kind, int32_t bits, uint32_t n, uint32_t k, uint32_t group_size, bool has_bias, int32_t low,
             Random &random);
  // Of floats.
  WeightData(int32_t dtype, uint32_t n, uint32_t k, bool has_bias, Random &random);
  ~WeightData();
  WeightData(const WeightData &) = delete;
  WeightData &operator=(const WeightData &) = delete;

  cider_weight_params params = {};

private:
  void *data_ = nullptr;
  float *scales_ = nullptr, *biases_ = nullptr, *bias_ = nullptr;
};

// A linear layer of `rows` rows on both sides, with scratch for the processor.
void run_linear(const Sides &sides, const WeightPair &weight, const Pair &x, const Pair &out, uint32_t rows,
                bool quantize_single_row);

} // namespace cider::test
