// cider_peak: that its figures are rates at all; how large they are, the machine decides.
#include "test.h"

#include "../cider.h"

static void check_isa(const char *isa) {
  const cider_open_params open = {isa, 2, "cpu", nullptr};
  cider_device *device = nullptr;
  CHECK(cider_open(&open, &device) == CIDER_OK, "%s: %s", isa, cider_last_error());
  if (device == nullptr) return;

  cider_peak_params peak = {};
  peak.seconds = 0.02;
  CHECK(cider_peak(device, &peak) == CIDER_OK, "%s: %s", isa, cider_last_error());
  CHECK(peak.int8_gops > 0 && peak.int8_gops < 1e6, "%s: %g", isa, peak.int8_gops);
  CHECK(peak.f32_gops > 0 && peak.f32_gops < 1e6, "%s: %g", isa, peak.f32_gops);
  CHECK(peak.bf16_gops >= 0 && peak.bf16_gops < 1e6, "%s: %g", isa, peak.bf16_gops);
  CHECK(peak.read_gbs > 0 && peak.read_gbs < 1e6, "%s: %g", isa, peak.read_gbs);
  printf("%s: int8 %.0f, f32 %.0f, bf16 %.0f GOPS, read %.1f GB/s\n", isa, peak.int8_gops, peak.f32_gops,
         peak.bf16_gops, peak.read_gbs);

  for (const double seconds : {0.0, -1.0, 1e9, __builtin_nan("")}) {
    peak.seconds = seconds;
    CHECK(cider_peak(device, &peak) == CIDER_INVALID_ARGUMENT, "%s: %g seconds", isa, seconds);
  }
  CHECK(cider_peak(device, nullptr) == CIDER_INVALID_ARGUMENT, "%s: no params", isa);
  CHECK(cider_peak(nullptr, &peak) == CIDER_INVALID_ARGUMENT, "%s: no device", isa);
  cider_close(device);
}

int main() {
  char names[128];
  snprintf(names, sizeof names, "%s", cider_list_isas("cpu", nullptr));
  for (char *isa = strtok(names, " "); isa != nullptr; isa = strtok(nullptr, " ")) check_isa(isa);
  return cider::test::report();
}
