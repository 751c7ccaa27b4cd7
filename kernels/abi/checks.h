// Checks of arguments that operations share.
#pragma once

#include "backend.h"

namespace cider {

// Begins an operation with a struct of parameters: neither it nor the device may be null, and what fails from here on
// is kept with the device.
#define BEGIN_OPERATION(name, device, params)                                                                          \
  REQUIRE((device) != nullptr && (params) != nullptr, "%s: device or params is null", name);                           \
  const ::cider::ErrorScope error_scope((device)->error)

// That the buffer is of this device and holds at least [rows, columns], neither of them 0.
int require_matrix(const char *operation, const cider_device *device, const char *name, const cider_buffer *buffer,
                   uint64_t rows, uint64_t columns);

// That the weight is of this device.
int require_weight(const char *operation, const cider_device *device, const cider_weight *weight);

// That a soft cap is a number that can be used, or 0 for none.
int require_soft_cap(const char *operation, float soft_cap);

// That the caller's scratch has as many bytes as needed.
int require_scratch(const char *operation, const void *scratch, uint64_t bytes, uint64_t needed);

} // namespace cider
