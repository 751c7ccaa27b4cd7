#include "place.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <sstream>

#include "process.h"

namespace emulator {
namespace {

// The first of the calls, from the inmost inlined function outwards, that is not in a header of the emulator; empty if
// the symbolizer knows none.
std::string source_line(const std::string &calls) {
  std::istringstream lines(calls);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with("??") || line.starts_with(CIDER_EMULATOR_FOLDER)) continue;
    return line.substr(line.rfind('/') + 1);
  }
  return "";
}

std::string line_of(const char *library, uintptr_t offset) {
  char address[32];
  snprintf(address, sizeof address, "0x%zx", offset);
  for (const char *symbolizer : {"llvm-symbolizer-19", "llvm-symbolizer"}) {
    const Outcome outcome =
        run_program({symbolizer, "--obj=" + std::string(library), "--output-style=GNU", "--functions=none", address});
    if (outcome.succeeded) return source_line(outcome.output);
  }
  return "";
}

} // namespace

std::string describe_place(const void *address) {
  Dl_info info;
  if (!dladdr(address, &info) || !info.dli_fname) return "an unknown place";
  const uintptr_t offset = reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(info.dli_fbase);
  const std::string line = line_of(info.dli_fname, offset - 1); // of the call, not of what follows it
  if (!line.empty()) return line;
  char text[512];
  snprintf(text, sizeof text, "%s+0x%zx", info.dli_fname, offset);
  return text;
}

} // namespace emulator
