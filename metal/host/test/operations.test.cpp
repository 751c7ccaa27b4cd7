// The other operations of metal beside those of the processor. Kernels have tests of their own with derived bounds; the
// ones here are wide enough for roundings, and far too narrow for a wrong row, offset or order.
#include "sides.h"

#include "../device.h"

#include <math.h>

using namespace cider::test;

namespace {

constexpr double BOUND = 1e-4;

bool is_thorough = false;

void expect_close(const Pair &pair, const char *what, double bound = BOUND) {
  CHECK(pair.difference() <= bound, "%s differs by %g", what, pair.difference());
}

void check_vectors(const Sides &sides) {
  Random random(1);
  constexpr uint32_t rows = 5, columns = 517;
  const Pair a(sides, rows * columns, -2, 2, random);
  const Pair b(sides, rows * columns, -2, 2, random);
  const Pair gain(sides, columns, 0.5, 1.5, random);
  const Pair out(sides, rows * columns);
  const auto run = [&](auto operation, auto make, const char *name) {
    auto on_metal = make(&Pair::metal);
    MUST(operation(sides.metal, &on_metal));
    auto on_cpu = make(&Pair::cpu);
    MUST(operation(sides.cpu, &on_cpu));
    expect_close(out, name);
  };
  const auto elementwise = [&](cider_buffer *Pair::*side) {
    return cider_elementwise_params{out.*side, a.*side, b.*side, rows * columns};
  };
  run(cider_silu_mul, elementwise, "silu_mul");
  run(cider_gelu_tanh_mul, elementwise, "gelu_tanh_mul");
  run(cider_add, elementwise, "add");
  run(
      cider_soft_cap, [&](cider_buffer *Pair::*side) { return cider_soft_cap_params{out.*side, rows * columns, 1.5f}; },
      "soft_cap");
  run(
      cider_rms_norm,
      [&](cider_buffer *Pair::*side) {
        return cider_rms_norm_params{out.*side, a.*side, gain.*side, rows, columns, 1e-6f};
      },
      "rms_norm");
}

// Two kinds of positions in turn, then later positions: more tables than are kept.
void check_rope(const Sides &sides) {
  Random random(2);
  constexpr uint32_t rows = 3, head_dim = 34, columns = 4 * head_dim;
  const Pair x(sides, rows * columns, -2, 2, random);
  float frequencies[2][head_dim / 2];
  for (uint32_t i = 0; i < head_dim / 2; i++) {
    frequencies[0][i] = powf(10000, -2.0f * static_cast<float>(i) / head_dim);
    frequencies[1][i] = frequencies[0][i] / 8;
  }
  for (uint32_t position = 0; position < 3000; position += 700) {
    for (uint32_t layer = 0; layer < 4; layer++) {
      cider_rope_params params = {x.metal, frequencies[layer % 2], rows, columns, head_dim, position, 1.25f};
      MUST(cider_rope(sides.metal, &params));
      params.x = x.cpu;
      MUST(cider_rope(sides.cpu, &params));
    }
    expect_close(x, "rope", 2e-2 * ldexp(1, static_cast<int>(position) / 100 - 10) + BOUND);
  }
}

// Rows at once, then one at a time; heads in groups, and more of them than one threadgroup takes.
void check_attention(const Sides &sides, uint32_t heads, uint32_t kv_heads, uint32_t head_dim, uint32_t window,
                     float soft_cap) {
  Random random(heads);
  constexpr uint32_t capacity = 180;
  cider_kv_cache *on_metal, *on_cpu;
  MUST(cider_kv_cache_create(sides.metal, capacity, kv_heads, head_dim, &on_metal));
  MUST(cider_kv_cache_create(sides.cpu, capacity, kv_heads, head_dim, &on_cpu));
  for (const uint32_t rows : {70u, 1u, 33u, 1u, 1u}) {
    const Pair q(sides, rows * heads * head_dim, -1, 1, random);
    const Pair k(sides, rows * kv_heads * head_dim, -1, 1, random);
    const Pair v(sides, rows * kv_heads * head_dim, -1, 1, random);
    const Pair out(sides, rows * heads * head_dim);
    cider_attention_params params = {out.metal, q.metal, k.metal, v.metal, on_metal,
                                     rows,      heads,   window,  0.3f,    soft_cap};
    MUST(cider_attention(sides.metal, &params));
    params = {out.cpu, q.cpu, k.cpu, v.cpu, on_cpu, rows, heads, window, 0.3f, soft_cap};
    MUST(cider_attention(sides.cpu, &params));
    expect_close(out, "attention");
  }
  CHECK(cider_kv_cache_length(on_metal) == 106, "%u positions", cider_kv_cache_length(on_metal));
  cider_kv_cache_release(on_metal);
  cider_kv_cache_release(on_cpu);
}

void check_embedding(const Sides &sides) {
  Random random(4);
  for (const int32_t dtype : {CIDER_F32, CIDER_F16, CIDER_BF16}) {
    const WeightData data(dtype, 50, 33, false, random);
    const WeightPair table(sides, data.params);
    int32_t ids[7] = {0, 49, 3, 3, 17, 48, 1};
    const Pair out(sides, 7 * 33);
    cider_embedding_params params = {out.metal, table.metal, ids, 7, 2.5f};
    MUST(cider_embedding(sides.metal, &params));
    params = {out.cpu, table.cpu, ids, 7, 2.5f};
    // What the caller gave is its own again, though nothing may have been done yet.
    memset(ids, 0x7f, sizeof ids);
    int32_t again[7] = {0, 49, 3, 3, 17, 48, 1};
    params.token_ids = again;
    MUST(cider_embedding(sides.cpu, &params));
    CHECK(out.has_equal_bits(), "embedding of dtype %d", dtype);
  }
}

// Some rows are not scored, among them the first ones.
void check_cross_entropy(const Sides &sides, const WeightData &data, uint32_t rows, uint32_t first, float soft_cap,
                         Random &random) {
  const WeightPair head(sides, data.params);
  const uint32_t n = data.params.out_features;
  const Pair x(sides, uint64_t{rows} * data.params.in_features, -1, 1, random);
  auto *targets = static_cast<int32_t *>(calloc(rows, sizeof(int32_t)));
  for (uint32_t row = 0; row < rows; row++) {
    targets[row] = row < first || row % 5 == 4 ? -1 : static_cast<int32_t>(random.below(n));
  }
  auto *losses = static_cast<double *>(calloc(2 * rows, sizeof(double)));
  memset(losses, 0x7f, 2 * rows * sizeof(double));
  cider_cross_entropy_params params = {x.metal, head.metal, targets, losses, rows, soft_cap, nullptr, 0};
  MUST(cider_cross_entropy(sides.metal, &params));
  const uint64_t bytes = cider_cross_entropy_scratch(head.cpu, rows);
  void *scratch = malloc(bytes);
  params = {x.cpu, head.cpu, targets, losses + rows, rows, soft_cap, scratch, bytes};
  MUST(cider_cross_entropy(sides.cpu, &params));
  for (uint32_t row = 0; row < rows; row++) {
    CHECK(fabs(losses[row] - losses[rows + row]) <= BOUND, "loss of row %u of %u: %g instead of %g", row, rows,
          losses[row], losses[rows + row]);
  }
  free(scratch);
  free(losses);
  free(targets);
}

void check_divergence(const Sides &sides, uint32_t rows, uint32_t first, Random &random) {
  constexpr uint32_t n = 257;
  const WeightData data(CIDER_F32, n, 33, false, random);
  const WeightData base_data(CIDER_INTEGER, 8, n, 65, 0, false, -14, random);
  const WeightPair head(sides, data.params);
  const WeightPair base_head(sides, base_data.params);
  const Pair x(sides, rows * 33, -1, 1, random);
  const Pair base_x(sides, rows * 65, -1, 1, random);
  double divergences[2][80] = {};
  uint8_t same_top[2][80] = {};
  cider_divergence_params params = {
      x.metal, head.metal, base_x.metal, base_head.metal, divergences[0], same_top[0], rows, first, 2.0f, nullptr, 0};
  MUST(cider_divergence(sides.metal, &params));
  const uint64_t bytes = cider_divergence_scratch(head.cpu, base_head.cpu, rows - first);
  void *scratch = malloc(bytes);
  params = {x.cpu, head.cpu, base_x.cpu, base_head.cpu, divergences[1], same_top[1], rows, first, 2.0f, scratch, bytes};
  MUST(cider_divergence(sides.cpu, &params));
  for (uint32_t i = 0; i < rows - first; i++) {
    CHECK(fabs(divergences[0][i] - divergences[1][i]) <= BOUND && same_top[0][i] == same_top[1][i],
          "row %u of %u from %u on: %g, %u instead of %g, %u", i, rows, first, divergences[0][i], same_top[0][i],
          divergences[1][i], same_top[1][i]);
  }
  free(scratch);
}

void check_logits(const Sides &sides) {
  Random random(5);
  const WeightData dense(CIDER_F32, 257, 33, true, random);
  const WeightData integer(CIDER_INTEGER, 8, 257, 65, 32, false, -14, random);
  check_cross_entropy(sides, dense, 1, 0, 0, random);
  check_cross_entropy(sides, dense, 70, 0, 0, random);
  for (const uint32_t first : {1u, 3u, 6u}) {
    check_cross_entropy(sides, dense, 9, first, 1.5f, random);
    check_cross_entropy(sides, integer, 9, first, 0, random);
    check_divergence(sides, 9, first, random);
  }
  check_cross_entropy(sides, dense, 4, 4, 0, random);
  check_cross_entropy(sides, integer, 1, 0, 0, random);
  check_divergence(sides, 70, 0, random);
  // More logits than exist at a time, which takes seconds.
  if (is_thorough) {
    const WeightData wide(CIDER_F32, 1 << 19, 1, false, random);
    check_cross_entropy(sides, wide, 35, 0, 0, random);
  }

  constexpr uint32_t rows = 3, columns = 1030;
  const Pair logits(sides, rows * columns, -4, 4, random);
  int32_t ids[2][rows];
  cider_argmax_params argmax = {logits.metal, ids[0], rows, columns};
  MUST(cider_argmax(sides.metal, &argmax));
  argmax = {logits.cpu, ids[1], rows, columns};
  MUST(cider_argmax(sides.cpu, &argmax));
  CHECK(memcmp(ids[0], ids[1], sizeof ids[0]) == 0, "argmax %d, %d, %d", ids[0][0], ids[0][1], ids[0][2]);
  for (const double place : {0.0, 0.3, 0.99}) {
    cider_sample_params sample = {logits.metal, rows, columns, 0.7f, 20, 0.9f, place, -1};
    MUST(cider_sample(sides.metal, &sample));
    const int32_t found = sample.token_id;
    sample = {logits.cpu, rows, columns, 0.7f, 20, 0.9f, place, -1};
    MUST(cider_sample(sides.cpu, &sample));
    CHECK(found == sample.token_id, "sampled %d instead of %d", found, sample.token_id);
  }
}

// On memory of the caller: the answers are there when the call is over.
void check_integers(const Sides &sides) {
  constexpr uint32_t m = 67, n = 35, k = 131;
  Random random(6);
  float x[m * k];
  for (float &value : x) value = random.uniform(-3, 3);
  int8_t codes[2][m * k];
  float scales[2][m];
  for (const uint32_t side : {0, 1}) {
    const cider_quantize_per_token_params params = {x, codes[side], scales[side], m, k};
    MUST(cider_quantize_per_token(side == 0 ? sides.metal : sides.cpu, &params));
  }
  CHECK(memcmp(codes[0], codes[1], sizeof codes[0]) == 0 && memcmp(scales[0], scales[1], sizeof scales[0]) == 0,
        "quantize_per_token");

  int8_t b[n * k];
  for (int8_t &code : b) code = static_cast<int8_t>(random.below(256));
  codes[0][5] = -128;
  int32_t sums[2][m * n];
  MUST(cider_matmul_int8_scratch(sides.metal, m, n, k) == 0 ? CIDER_OK : CIDER_INVALID_ARGUMENT);
  cider_matmul_int8_params product = {codes[0], b, sums[0], m, n, k, nullptr, 0};
  MUST(cider_matmul_int8(sides.metal, &product));
  const uint64_t bytes = cider_matmul_int8_scratch(sides.cpu, m, n, k);
  void *scratch = malloc(bytes);
  product = {codes[0], b, sums[1], m, n, k, scratch, bytes};
  MUST(cider_matmul_int8(sides.cpu, &product));
  free(scratch);
  CHECK(memcmp(sums[0], sums[1], sizeof sums[0]) == 0, "matmul_int8");

  for (const uint32_t side : {0, 1}) {
    const cider_quantize_rows_params params = {x, codes[side], scales[side], CIDER_F32, 4, m, k, 0};
    MUST(cider_quantize_rows(side == 0 ? sides.metal : sides.cpu, &params));
  }
  CHECK(memcmp(codes[0], codes[1], sizeof codes[0]) == 0, "quantize_rows");
  x[200] = NAN;
  const cider_quantize_rows_params params = {x, codes[0], scales[0], CIDER_F32, 4, m, k, 0};
  CHECK(cider_quantize_rows(sides.metal, &params) == CIDER_NON_FINITE, "%s", cider_last_error());
}

// There is no f64 on these GPUs.
void check_matrices(const Sides &sides) {
  double c[] = {1, 2}, b[] = {3};
  const float x[] = {1};
  const int8_t base[] = {1};
  const cider_multiply_add_params product = {c, c + 1, b, 1, 1, 1, 1, 1, 1, 0, 1};
  CHECK(cider_multiply_add(sides.metal, &product) == CIDER_UNAVAILABLE, "%s", cider_last_error());
  cider_inverse_factor_params factor = {c, 1, 1, 0};
  CHECK(cider_inverse_factor(sides.metal, &factor) == CIDER_UNAVAILABLE, "%s", cider_last_error());
  const cider_hadamard_params rotation = {c, base, 1, 1, 1, 1};
  CHECK(cider_hadamard(sides.metal, &rotation) == CIDER_UNAVAILABLE, "%s", cider_last_error());
  const cider_accumulate_params sum = {c, x, x, 1, 1, 1, 1};
  CHECK(cider_accumulate(sides.metal, &sum) == CIDER_UNAVAILABLE, "%s", cider_last_error());
  CHECK(c[0] == 1 && c[1] == 2, "%g, %g", c[0], c[1]);
}

// Operations wait in one command buffer until somebody looks; then it goes on without being told to.
void check_one_buffer(const Sides &sides) {
  constexpr uint32_t count = 300;
  float one[count], values[count];
  for (float &value : one) value = 1;
  cider_buffer *sum, *ones;
  MUST(cider_buffer_create(sides.metal, count, &sum));
  MUST(cider_buffer_create(sides.metal, count, &ones));
  MUST(cider_buffer_write(ones, 0, one, count));
  const auto &commands = cider::metal::device_of(sides.metal).commands;
  const uint64_t before = commands.handed_over();
  const auto add = [&](uint32_t times) {
    for (uint32_t i = 0; i < times; i++) {
      const cider_elementwise_params params = {sum, sum, ones, count};
      MUST(cider_add(sides.metal, &params));
    }
  };
  add(40);
  CHECK(commands.handed_over() == before, "%llu command buffers", commands.handed_over() - before + 0ull);
  MUST(cider_buffer_read(sum, 0, values, count));
  CHECK(commands.handed_over() == before + 1 && values[0] == 40 && values[count - 1] == 40, "%g", double{values[0]});
  // So many that they are handed over in between.
  add(1500);
  CHECK(commands.handed_over() > before + 10, "%llu command buffers", commands.handed_over() - before + 0ull);
  MUST(cider_buffer_write(ones, 0, one, 1)); // waits, lest it change what is still to be read
  MUST(cider_buffer_read(sum, 0, values, count));
  CHECK(values[0] == 1540 && values[count - 1] == 1540, "%g", double{values[0]});
  CHECK(cider_device_seconds(sides.metal) > 0, "%g s", cider_device_seconds(sides.metal));
  cider_buffer_release(sum);
  cider_buffer_release(ones);
}

void check_peak(const Sides &sides) {
  cider_peak_params params = {0.001, 0, -1, -1, 0};
  MUST(cider_peak(sides.metal, &params));
  CHECK(params.int8_gops > 0 && params.f32_gops > 0 && params.bf16_gops == 0 && params.read_gbs > 0, "%g, %g, %g, %g",
        params.int8_gops, params.f32_gops, params.bf16_gops, params.read_gbs);
}

void check_all(const char *cache) {
  cider_list_isas("metal", cache);
  const long before = live_objects();
  {
    const Sides sides(nullptr, cache);
    CHECK(cider_device_threads(sides.metal) == 1, "%d threads", cider_device_threads(sides.metal));
    check_vectors(sides);
    check_rope(sides);
    check_attention(sides, 6, 2, 34, 0, 0);
    check_attention(sides, 6, 2, 64, 40, 2);
    check_attention(sides, 33, 1, 8, 0, 0);
    // Blocks of rows in launches of their own.
    cider::metal::device_of(sides.metal).launch_work = 1;
    check_attention(sides, 4, 2, 32, 50, 0);
    check_embedding(sides);
    check_logits(sides);
    check_integers(sides);
    check_matrices(sides);
    check_one_buffer(sides);
    check_peak(sides);
  }
  CHECK(live_objects() == before, "%ld objects are left", live_objects() - before);
  CHECK(diagnostics() == 0, "%zu diagnostics", diagnostics());
}

// Handles of a device that is closed can still be released.
void check_late_release(const char *cache) {
  cider_list_isas("metal", cache);
  const long before = live_objects();
  cider_device *device = open_metal(nullptr, cache);
  cider_buffer *buffer;
  MUST(cider_buffer_create(device, 10, &buffer));
  cider_kv_cache *keys;
  MUST(cider_kv_cache_create(device, 10, 1, 8, &keys));
  cider_weight *weight;
  Random random(7);
  const WeightData data(CIDER_F32, 3, 5, true, random);
  MUST(cider_weight_create(device, &data.params, &weight));
  cider_close(device);
  cider_weight_release(weight);
  cider_kv_cache_release(keys);
  cider_buffer_release(buffer);
  CHECK(live_objects() == before, "%ld objects are left", live_objects() - before);
}

} // namespace

int main(int count, char **arguments) {
  is_thorough = wants_all(count, arguments);
  const TemporaryFolder folder;
  CHECK_SCENARIO("all", check_all, folder.path());
  CHECK_SCENARIO("late release", check_late_release, folder.path());
  if (is_thorough) {
    CHECK_SCENARIO("shuffled", check_all, folder.path(), {"CIDER_EMULATOR_ORDER", "3"});
    CHECK_SCENARIO("m4", check_all, folder.path(), {"CIDER_EMULATOR_GPU", "m4"});
  }
  return report();
}
