// Linear layers of metal beside those of the processor: integer ones have the same bits on every path, float ones
// differ by their roundings.
#include "sides.h"

#include "../weights.h"

#include <math.h>
#include <unistd.h>

using namespace cider::test;

namespace {

constexpr double UNIT = 0x1p-24; // half the distance from 1 to the next f32

struct Layer {
  uint32_t rows, n, k, group_size;
};

void check_integer(const Sides &sides, const Layer &layer, int32_t bits, int32_t low, bool quantize_single_row,
                   Random &random) {
  const auto &[rows, n, k, group_size] = layer;
  const WeightData data(CIDER_INTEGER, bits, n, k, group_size, rows % 2 == 1, low, random);
  const WeightPair weight(sides, data.params);
  const Pair x(sides, uint64_t{rows} * k, -3, 3, random);
  const Pair out(sides, uint64_t{rows} * n);
  run_linear(sides, weight, x, out, rows, quantize_single_row);
  CHECK(out.has_equal_bits(), "%s, int%d: [%u, %u, %u] by %u", cider_device_isa(sides.metal), bits, rows, n, k,
        group_size);
}

void check_integers(const Sides &sides) {
  Random random(1);
  for (const int32_t bits : {8, 4}) {
    for (const Layer &layer : {Layer{2, 1, 1, 0}, Layer{7, 33, 129, 0}, Layer{31, 127, 64, 32}, Layer{64, 65, 513, 0},
                               Layer{65, 130, 96, 64}, Layer{129, 33, 160, 32}, Layer{130, 129, 320, 128}}) {
      check_integer(sides, layer, bits, -12, false, random);
    }
    check_integer(sides, {1, 127, 129, 0}, bits, -12, true, random);
    check_integer(sides, {1, 127, 96, 32}, bits, -12, true, random);
    // Outputs, and sums of groups, that are subnormal: without a bias, which would hide them.
    check_integer(sides, {4, 40, 64, 0}, bits, -142, false, random);
    check_integer(sides, {4, 40, 96, 32}, bits, -142, false, random);
  }
}

// Without quantized activations: as many roundings as products, twice, on either side.
void check_row(const Sides &sides, const WeightData &data, uint32_t rows, double largest_weight, Random &random) {
  const uint32_t n = data.params.out_features;
  const uint32_t k = data.params.in_features;
  const WeightPair weight(sides, data.params);
  const Pair x(sides, uint64_t{rows} * k, -1, 1, random);
  const Pair out(sides, uint64_t{rows} * n);
  run_linear(sides, weight, x, out, rows, false);
  const bool is_split = data.params.kind == CIDER_DENSE && data.params.dtype == CIDER_BF16;
  const double split = is_split ? 0x1p-17 : 0; // activations as two bf16
  const double bound = ((2.0 * k + 8) * UNIT + split) * (k * largest_weight + 1);
  CHECK(out.difference() <= bound, "kind %d, dtype %d, %d bits: [%u, %u, %u] differs by %g (± %g)", data.params.kind,
        data.params.dtype, data.params.bits, rows, n, k, out.difference(), bound);
}

void check_floats(const Sides &sides) {
  Random random(2);
  for (const uint32_t rows : {1u, 5u, 66u}) {
    for (const int32_t dtype : {CIDER_F32, CIDER_F16, CIDER_BF16}) {
      check_row(sides, WeightData(dtype, 70, 67, rows == 5, random), rows, 2, random);
    }
    for (const int32_t bits : {8, 4}) {
      check_row(sides, WeightData(CIDER_AFFINE, bits, 70, 96, 32, rows == 5, -12, random), rows, 18, random);
    }
  }
  for (const int32_t bits : {8, 4}) {
    for (const uint32_t group_size : {0u, 32u}) {
      check_row(sides, WeightData(CIDER_INTEGER, bits, 70, 99, group_size, true, -12, random), 1, 9, random);
    }
  }
}

// Codes of 8 and 4 bits in words.
void check_words(const Sides &sides) {
  Random random(3);
  for (const int32_t bits : {8, 4}) {
    constexpr uint32_t n = 70, k = 99, group_size = 32;
    WeightData data(CIDER_AFFINE, bits, n, k, group_size, false, -12, random);
    const uint32_t row_bytes = (k * static_cast<uint32_t>(bits) + 31) / 32 * 4;
    auto *words = static_cast<uint8_t *>(calloc(n, row_bytes));
    const auto *codes = static_cast<const uint8_t *>(data.params.data.memory);
    for (uint32_t row = 0; row < n; row++) {
      for (uint32_t i = 0; i < k; i++) {
        const uint32_t bit = i * static_cast<uint32_t>(bits);
        words[row * row_bytes + bit / 8] |= static_cast<uint8_t>(codes[row * k + i] << bit % 8);
      }
    }
    data.params.data = {words, nullptr, 0, uint64_t{n} * row_bytes};
    data.params.storage = CIDER_WORDS;
    check_row(sides, data, 1, 18, random);
    check_row(sides, data, 3, 18, random);
    free(words);
  }
}

// ---- weights of files ----

// int8 codes at an offset of a file, which is closed before they are used. Only where a buffer can begin they are not
// copied.
void check_file(const Sides &sides, const char *folder, uint64_t offset, bool is_mapped) {
  Random random(offset);
  WeightData data(CIDER_INTEGER, 8, 70, 320, 0, false, -12, random);
  char path[256];
  snprintf(path, sizeof path, "%s/weight-%llu.bin", folder, static_cast<unsigned long long>(offset));
  FILE *stream = fopen(path, "wb");
  fseek(stream, static_cast<long>(offset), SEEK_SET);
  fwrite(data.params.data.memory, 1, data.params.data.bytes, stream);
  fclose(stream);
  cider_file *file;
  MUST(cider_file_open(path, &file));
  data.params.data = {nullptr, file, offset, data.params.data.bytes};
  const Pair x(sides, 3 * 320, -1, 1, random);
  const Pair out(sides, 3 * 70);
  {
    const WeightPair weight(sides, data.params);
    cider_file_close(file);
    unlink(path);
    const auto &loaded = *static_cast<const cider::metal::Weight *>(weight.metal);
    CHECK((loaded.file != nullptr) == is_mapped, "at %llu", static_cast<unsigned long long>(offset));
    run_linear(sides, weight, x, out, 3, false);
    // The weight goes before metal has begun: the file must stay until it is done.
  }
  CHECK(out.has_equal_bits(), "at %llu", static_cast<unsigned long long>(offset));
}

// Layers that go in several launches.
void check_pieces(const Sides &sides) {
  Random random(4);
  auto &device = cider::metal::device_of(sides.metal);
  const double before = device.launch_work;
  device.launch_work = 1;
  for (const int32_t bits : {8, 4}) {
    check_integer(sides, {400, 33, 65, 0}, bits, -12, false, random);
    check_integer(sides, {300, 33, 64, 32}, bits, -12, false, random);
  }
  check_row(sides, WeightData(CIDER_F16, 70, 67, true, random), 200, 2, random);
  check_row(sides, WeightData(CIDER_BF16, 70, 67, true, random), 200, 2, random);
  device.launch_work = before;
}

void check_path(const char *isa, const char *cache) {
  const long before = live_objects();
  {
    const Sides sides(isa, cache);
    check_integers(sides);
    check_pieces(sides);
    const bool has_tensors = cider::metal::device_of(sides.metal).has_float_tensors;
    CHECK(has_tensors == (strcmp(cider_device_isa(sides.metal), "plain") != 0), "%d", has_tensors);
    if (isa == nullptr) {
      check_floats(sides);
      check_words(sides);
      for (const uint64_t offset : {0u, 16u, 4100u, 16384u, 40000u}) check_file(sides, cache, offset, true);
      for (const uint64_t offset : {1u, 4099u}) check_file(sides, cache, offset, false);
    }
  }
  CHECK(live_objects() == before, "%ld objects are left", live_objects() - before);
}

void check_m5(const char *cache) {
  cider_list_isas("metal", cache);
  check_path(nullptr, cache);
  check_path("tensors", cache);
  check_path("plain", cache);
  CHECK(diagnostics() == 0, "%zu diagnostics", diagnostics());
}

void check_m4(const char *cache) {
  cider_list_isas("metal", cache);
  check_path("plain", cache);
  CHECK(diagnostics() == 0, "%zu diagnostics", diagnostics());
}

} // namespace

int main(int count, char **arguments) {
  const TemporaryFolder folder;
  CHECK_SCENARIO("m5", check_m5, folder.path());
  CHECK_SCENARIO("m4", check_m4, folder.path(), {"CIDER_EMULATOR_GPU", "m4"});
  if (wants_all(count, arguments)) {
    CHECK_SCENARIO("backward", check_m5, folder.path(), {"CIDER_EMULATOR_ORDER", "backward"});
    CHECK_SCENARIO("shuffled", check_m5, folder.path(), {"CIDER_EMULATOR_ORDER", "7"});
    CHECK_SCENARIO("subnormals kept", check_m5, folder.path(), {"CIDER_EMULATOR_SUBNORMALS", "keep"});
  }
  return report();
}
