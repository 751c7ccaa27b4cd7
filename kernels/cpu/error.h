// The text of the last failure.
#pragma once

namespace cider {

// Keeps the printf-style text for cider_last_error of this thread, cut off after 511 bytes, and returns `status`.
[[gnu::format(printf, 2, 3)]] int fail(int status, const char *format, ...);

// Leaves the calling function with CIDER_INVALID_ARGUMENT and a text unless the condition holds.
#define REQUIRE(condition, ...)                                                  \
  do {                                                                           \
    if (!(condition)) return ::cider::fail(CIDER_INVALID_ARGUMENT, __VA_ARGS__); \
  } while (0)

// Passes the status of a failed call on.
#define TRY(call)                                 \
  do {                                            \
    if (const int status = (call)) return status; \
  } while (0)

} // namespace cider
