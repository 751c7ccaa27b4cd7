#pragma once

#include <map>
#include <string>
#include <vector>

#include "../objc/object.h"

namespace emulator {

class Array : public Object {
public:
  static Class &objc_class();

  std::vector<Reference<Object>> elements;
};

// From strings to strings.
class Dictionary : public Object {
public:
  static Class &objc_class();

  std::map<std::string, std::string> entries;
};

} // namespace emulator
