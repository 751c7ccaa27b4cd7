#include "sides.h"

#include <math.h>

namespace cider::test {

double Pair::difference() const {
  float *a = read(metal);
  float *b = read(cpu);
  double largest = 0;
  for (uint64_t i = 0; i < count_; i++) {
    if (isnan(a[i]) && isnan(b[i])) continue;
    const double difference = fabs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(difference <= largest)) largest = isnan(difference) ? INFINITY : difference;
  }
  free(a);
  free(b);
  return largest;
}

bool Pair::has_equal_bits() const {
  float *a = read(metal);
  float *b = read(cpu);
  bool equal = true;
  for (uint64_t i = 0; i < count_; i++) equal &= memcmp(a + i, b + i, sizeof *a) == 0 || (isnan(a[i]) && isnan(b[i]));
  free(a);
  free(b);
  return equal;
}

namespace {

template <class T>
T *allocate(uint64_t count) {
  return static_cast<T *>(malloc(count * sizeof(T)));
}

float *random_floats(uint64_t count, float low, float high, Random &random) {
  float *values = allocate<float>(count);
  for (uint64_t i = 0; i < count; i++) values[i] = random.uniform(low, high);
  return values;
}

cider_bytes bytes_of(const void *memory, uint64_t bytes) { return {memory, nullptr, 0, bytes}; }

} // namespace

WeightData::WeightData(int32_t kind, int32_t bits, uint32_t n, uint32_t k, uint32_t group_size, bool has_bias,
                       int32_t low, Random &random) {
  const uint64_t count = uint64_t{n} * k;
  auto *codes = allocate<int8_t>(count);
  const int32_t smallest = kind == CIDER_AFFINE ? 0 : bits == 8 ? -127 : -8;
  const uint32_t codes_there_are = kind == CIDER_AFFINE ? 1u << bits : bits == 8 ? 255 : 16;
  for (uint64_t i = 0; i < count; i++) {
    codes[i] = static_cast<int8_t>(smallest + static_cast<int32_t>(random.below(codes_there_are)));
  }
  data_ = codes;
  const uint64_t scale_count = uint64_t{n} * (group_size == 0 ? 1 : (k + group_size - 1) / group_size);
  scales_ = allocate<float>(scale_count);
  for (uint64_t i = 0; i < scale_count; i++) {
    scales_[i] = ldexpf(random.uniform(1, 2), low + static_cast<int32_t>(random.below(8)));
  }
  params.kind = kind;
  params.bits = bits;
  params.out_features = n;
  params.in_features = k;
  params.group_size = group_size;
  params.data = bytes_of(codes, count);
  params.scales = bytes_of(scales_, scale_count * sizeof(float));
  if (kind == CIDER_AFFINE) {
    biases_ = random_floats(scale_count, -0.5f, 0.5f, random);
    params.biases = bytes_of(biases_, scale_count * sizeof(float));
  }
  if (has_bias) {
    bias_ = random_floats(n, -1, 1, random);
    params.bias = bytes_of(bias_, n * sizeof(float));
  }
}

WeightData::WeightData(int32_t dtype, uint32_t n, uint32_t k, bool has_bias, Random &random) {
  const uint64_t count = uint64_t{n} * k;
  if (dtype == CIDER_F32) {
    data_ = random_floats(count, -1, 1, random);
  } else {
    // Magnitudes of the upper half of [0.5, 2), by their bits.
    auto *halves = allocate<uint16_t>(count);
    const uint16_t one = dtype == CIDER_F16 ? 0x3c00 : 0x3f80;
    for (uint64_t i = 0; i < count; i++) {
      halves[i] = static_cast<uint16_t>((one - 64 + random.below(128)) | (random.below(2) << 15));
    }
    data_ = halves;
  }
  params.kind = CIDER_DENSE;
  params.dtype = dtype;
  params.out_features = n;
  params.in_features = k;
  params.data = bytes_of(data_, count * (dtype == CIDER_F32 ? 4 : 2));
  if (has_bias) {
    bias_ = random_floats(n, -1, 1, random);
    params.bias = bytes_of(bias_, n * sizeof(float));
  }
}

WeightData::~WeightData() {
  free(data_);
  free(scales_);
  free(biases_);
  free(bias_);
}

void run_linear(const Sides &sides, const WeightPair &weight, const Pair &x, const Pair &out, uint32_t rows,
                bool quantize_single_row) {
  cider_linear_params params = {out.metal, x.metal, weight.metal, rows, quantize_single_row, nullptr, 0};
  MUST(cider_linear(sides.metal, &params));
  const uint64_t bytes = cider_linear_scratch(weight.cpu, rows);
  void *scratch = malloc(bytes);
  params = {out.cpu, x.cpu, weight.cpu, rows, quantize_single_row, scratch, bytes};
  MUST(cider_linear(sides.cpu, &params));
  free(scratch);
}

} // namespace cider::test
