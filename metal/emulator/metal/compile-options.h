#pragma once

#include <map>
#include <string>

#include "../objc/object.h"
#include "../runtime/environment.h"

namespace emulator {

// What is not set is as bad as it can be on a Mac: an old language, as that of a host linked long ago, and fast math.
struct CompileSettings {
  Version language = {3, 1};
  bool fast_math = true;
  std::map<std::string, std::string> macros;
};

class CompileOptions : public Object {
public:
  static Class &objc_class();

  CompileSettings settings;
};

} // namespace emulator
