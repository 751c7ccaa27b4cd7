#include "gate.h"

#include "float-tensors.h"
#include "poisoned.h"
#include "reference.h"

#include <math.h>

namespace cider::metal {

namespace {

constexpr uint32_t m = 70, n = 75, k = 133; // no multiple of a tile

float widened(uint16_t bf16) {
  const uint32_t bits = static_cast<uint32_t>(bf16) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// Two bf16 are off by 2^-18 of an activation, and 2 k products of each output are summed in f32, in any order: both are
// doubled, as what units for matrices do with the last bits is not documented.
bool is_close(const Poisoned &x, const Poisoned &weight, const Poisoned &bias, uint32_t row, uint32_t column,
              float found) {
  constexpr double unit = 0x1p-24;
  double sum = static_cast<double>(bias.data<float>()[column]);
  double magnitude = fabs(sum);
  for (uint32_t i = 0; i < k; i++) {
    const double product = static_cast<double>(x.data<float>()[row * k + i]) *
                           static_cast<double>(widened(weight.data<uint16_t>()[column * k + i]));
    sum += product;
    magnitude += fabs(product);
  }
  return fabs(static_cast<double>(found) - sum) <= 2 * (0x1p-18 + 2 * k * unit) * magnitude;
}

} // namespace

bool check_float_tensors(Device &device, Verdict &verdict) {
  Poisoned x, weight, bias, out;
  const auto run = [&] {
    TRY(x.open(device, m * k * sizeof(float)));
    TRY(weight.open(device, n * k * sizeof(uint16_t)));
    TRY(bias.open(device, n * sizeof(float)));
    TRY(out.open(device, m * n * sizeof(float)));
    Random random(k);
    for (uint32_t i = 0; i < m * k; i++) x.data<float>()[i] = random.with_exponent(-6, 2);
    for (uint32_t i = 0; i < n * k; i++) {
      const float value = random.with_exponent(-6, 2);
      memcpy(weight.data<uint16_t>() + i, reinterpret_cast<const char *>(&value) + 2, sizeof(uint16_t));
    }
    for (uint32_t i = 0; i < n; i++) bias.data<float>()[i] = random.with_exponent(-2, 2);
    TRY(multiply(device, SplitProduct{x.argument(), weight.argument(), k * static_cast<uint32_t>(sizeof(uint16_t)),
                                      bias.argument(), out.argument(), m, n, k}));
    return device.commands.wait();
  };
  if (run() != CIDER_OK) {
    verdict.is_final = false;
    note(verdict, Outcome::fail, "bf16 products", "%s", cider_last_error());
    return false;
  }
  if (!x.is_intact() || !weight.is_intact() || !bias.is_intact() || !out.is_intact()) {
    note(verdict, Outcome::fail, "bf16 products", "something was written outside of the output");
    return false;
  }
  for (uint32_t row = 0; row < m; row++) {
    for (uint32_t column = 0; column < n; column++) {
      const float found = out.data<float>()[row * n + column];
      if (is_close(x, weight, bias, row, column, found)) continue;
      note(verdict, Outcome::fail, "bf16 products", "[%u, %u, %u]: [%u, %u] is %a", m, n, k, row, column,
           static_cast<double>(found));
      return false;
    }
  }
  note(verdict, Outcome::ok, "bf16 products", "[%u, %u, %u] as close as two bf16 are", m, n, k);
  return true;
}

} // namespace cider::metal
