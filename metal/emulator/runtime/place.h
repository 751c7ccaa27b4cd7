// Places of machine code in the words of a source file.
#pragma once

#include <string>

namespace emulator {

// "quantize.metal:16", where the code was called that returns to `address`; with a file and an offset if its lines are
// not known.
std::string describe_place(const void *address);

} // namespace emulator
