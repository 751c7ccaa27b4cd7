#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

namespace cider::metal {

Text::~Text() { free(characters_); }

bool Text::reserve(size_t more) {
  if (length_ + more < capacity_) return true;
  const size_t capacity = 2 * (length_ + more) + 64;
  auto *characters = static_cast<char *>(realloc(characters_, capacity));
  if (characters == nullptr) {
    is_incomplete_ = true;
    return false;
  }
  characters_ = characters;
  capacity_ = capacity;
  return true;
}

void Text::append(const char *characters, size_t count) {
  if (!reserve(count)) return;
  memcpy(characters_ + length_, characters, count);
  length_ += count;
  characters_[length_] = 0;
}

void Text::append(const char *words) { append(words, strlen(words)); }

void Text::format(const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  const int count = vsnprintf(nullptr, 0, format, arguments);
  if (count >= 0 && reserve(static_cast<size_t>(count))) {
    vsnprintf(characters_ + length_, capacity_ - length_, format, again);
    length_ += static_cast<size_t>(count);
  }
  va_end(again);
  va_end(arguments);
}

} // namespace cider::metal
