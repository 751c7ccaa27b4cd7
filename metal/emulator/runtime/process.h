// Running other programs.
#pragma once

#include <string>
#include <vector>

namespace emulator {

struct Outcome {
  bool succeeded;     // it could be started and its exit code was 0
  std::string output; // of both streams together
};

// Waits for the end. The program is looked for in PATH; libraries that were preloaded into this process are not into
// it.
Outcome run_program(const std::vector<std::string> &command);

} // namespace emulator
