// The text of the last failure.
#pragma once

namespace cider {

// Longer texts are cut off.
constexpr unsigned error_text_bytes = 512;
using ErrorText = char[error_text_bytes];

// Keeps the printf-style text for cider_last_error of this thread, and where an ErrorScope says, and returns `status`.
[[gnu::format(printf, 2, 3)]] int fail(int status, const char *format, ...);

// While it lives, failures of this thread are kept in `text` as well: with a device, of which other threads may ask.
class ErrorScope {
public:
  explicit ErrorScope(ErrorText &text);
  ~ErrorScope();
  ErrorScope(const ErrorScope &) = delete;
  ErrorScope &operator=(const ErrorScope &) = delete;
};

// Leaves the calling function with CIDER_INVALID_ARGUMENT and a text unless the condition holds.
#define REQUIRE(condition, ...)                                                                                        \
  do {                                                                                                                 \
    if (!(condition)) return ::cider::fail(CIDER_INVALID_ARGUMENT, __VA_ARGS__);                                       \
  } while (0)

// Passes the status of a failed call on.
#define TRY(call)                                                                                                      \
  do {                                                                                                                 \
    if (const int status = (call)) return status;                                                                      \
  } while (0)

} // namespace cider
