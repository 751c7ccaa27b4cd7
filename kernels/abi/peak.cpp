#include "checks.h"

using namespace cider;

namespace {

// No figure is worth more time, and none can be had in less than this.
constexpr double max_seconds = 60;
constexpr double min_seconds = 0.001;

} // namespace

int cider_peak(cider_device *device, cider_peak_params *params) {
  BEGIN_OPERATION("peak", device, params);
  REQUIRE(params->seconds >= min_seconds && params->seconds <= max_seconds, "peak: %g seconds, not %g to %g",
          params->seconds, min_seconds, max_seconds);
  return device->backend->peak(device, *params);
}
