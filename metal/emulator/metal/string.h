#pragma once

#include <string>

#include "../objc/object.h"

namespace emulator {

class String : public Object {
public:
  static Class &objc_class();

  String() = default;
  explicit String(std::string text) : text(std::move(text)) {}

  std::string text; // UTF-8
};

// An autoreleased string.
String *string(std::string text);

// Empty for nil.
std::string text_of(const String *string);

} // namespace emulator
