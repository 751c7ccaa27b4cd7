#include "faults.h"

#include <atomic>
#include <functional>
#include <sstream>

#include "../runtime/environment.h"

namespace emulator {
namespace {

// Whether one of the faults of that kind fits.
bool any(const std::string &kind, const std::function<bool(const std::string &)> &fits) {
  std::istringstream faults(environment().fail);
  for (std::string fault; std::getline(faults, fault, '|');) {
    if (fault.starts_with(kind + ":") && fits(fault.substr(kind.size() + 1))) return true;
  }
  return false;
}

bool is_turn(const char *kind, std::atomic<long> &calls) {
  const std::string call = std::to_string(++calls);
  return any(kind, [&](const std::string &n) { return n == call; });
}

} // namespace

bool compile_fails(const std::string &source) {
  return any("compile", [&](const std::string &part) { return source.find(part) != std::string::npos; });
}

bool pipeline_fails(const std::string &function) {
  return any("pipeline", [&](const std::string &name) { return name == function; });
}

bool next_command_fails() {
  static std::atomic<long> calls{0};
  return is_turn("command", calls);
}

bool next_buffer_fails() {
  static std::atomic<long> calls{0};
  return is_turn("buffer", calls);
}

} // namespace emulator
