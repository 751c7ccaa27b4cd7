// Text that grows: joined sources, reports, errors of any length.
#pragma once

#include <stddef.h>

namespace cider::metal {

class Text {
public:
  Text() = default;
  ~Text();
  Text(const Text &) = delete;
  Text &operator=(const Text &) = delete;

  void append(const char *characters, size_t count);
  void append(const char *words);
  [[gnu::format(printf, 2, 3)]] void format(const char *format, ...);
  void clear() { length_ = 0; }

  // Ends with a zero.
  const char *words() const { return length_ == 0 ? "" : characters_; }
  size_t length() const { return length_; }
  // Whether memory was missing for a part of it.
  bool is_incomplete() const { return is_incomplete_; }

private:
  bool reserve(size_t more);

  char *characters_ = nullptr; // [capacity_], zero behind length_
  size_t length_ = 0, capacity_ = 0;
  bool is_incomplete_ = false;
};

} // namespace cider::metal
