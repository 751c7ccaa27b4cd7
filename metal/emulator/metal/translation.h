// From the text of a library to a shared object of kernels.
#pragma once

#include <string>

#include "compile-options.h"

namespace emulator {

struct Translation {
  std::string file;     // of the shared object; empty if the text was refused
  std::string messages; // of the compiler
};

// Objects are kept by the content of all that went into them; a text that was refused is tried anew each time.
Translation translate(const std::string &source, const CompileSettings &settings);

} // namespace emulator
