#pragma once

#include <map>
#include <vector>

#include "../objc/object.h"

namespace emulator {

// By index.
using ConstantValues = std::map<int, std::vector<char>>;

class FunctionConstantValues : public Object {
public:
  static Class &objc_class();

  ConstantValues values;
};

} // namespace emulator
