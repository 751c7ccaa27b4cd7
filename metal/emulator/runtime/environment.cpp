#include "environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <filesystem>
#include <string_view>

#include "emulator/runtime.h"

namespace emulator {
namespace {

std::string variable(const char *name, const char *otherwise) {
  const char *value = getenv(name);
  return value && *value ? value : otherwise;
}

[[noreturn]] void refuse(const char *name, const std::string &value, const char *expected) {
  fprintf(stderr, "metal emulator: %s is '%s'; expected %s\n", name, value.c_str(), expected);
  abort();
}

uint32_t number(const char *name, const std::string &text, const char *expected) {
  char *end;
  const unsigned long value = strtoul(text.c_str(), &end, 10);
  if (text.empty() || *end || value > UINT32_MAX) refuse(name, text, expected);
  return static_cast<uint32_t>(value);
}

void read_order(Environment &into) {
  const char *name = "CIDER_EMULATOR_ORDER";
  const std::string text = variable(name, "forward");
  into.order = text == "forward" ? Order::forward : text == "backward" ? Order::backward : Order::seeded;
  if (into.order == Order::seeded) into.order_seed = number(name, text, "forward, backward or a number");
}

void read_layout(Environment &into) {
  const char *name = "CIDER_EMULATOR_LAYOUT";
  const std::string text = variable(name, into.is_m5 ? "m5" : "pre-m5");
  into.layout = text == "m5" ? layout_m5 : text == "pre-m5" ? layout_pre_m5 : layout_scrambled;
  if (into.layout == layout_scrambled) into.layout_seed = number(name, text, "m5, pre-m5 or a number");
}

Version read_version() {
  const std::string text = variable("CIDER_EMULATOR_OS", "26.5");
  Version version = {};
  char rest;
  if (sscanf(text.c_str(), "%d.%d%c", &version.major, &version.minor, &rest) != 2) {
    refuse("CIDER_EMULATOR_OS", text, "a version such as 26.5");
  }
  return version;
}

// One of two words, the first being the default.
bool is_first(const char *name, const char *first, const char *second) {
  const std::string text = variable(name, first);
  if (text != first && text != second) refuse(name, text, (std::string(first) + " or " + second).c_str());
  return text == first;
}

Environment read_environment() {
  Environment read = {};
  read.is_m5 = is_first("CIDER_EMULATOR_GPU", "m5", "m4");
  read.flush_subnormals = is_first("CIDER_EMULATOR_SUBNORMALS", "flush", "keep");
  read_order(read);
  read_layout(read);
  read.os = read_version();
  read.threads = number("CIDER_EMULATOR_THREADS", variable("CIDER_EMULATOR_THREADS", "1"), "a number");
  read.fatal = variable("CIDER_EMULATOR_FATAL", "0") != "0";
  std::error_code error;
  const std::string folder = (std::filesystem::temp_directory_path(error) / "cider-metal-emulator").string();
  read.cache = variable("CIDER_EMULATOR_CACHE", folder.c_str());
  read.cxxflags = variable("CIDER_EMULATOR_CXXFLAGS", "");
  read.fail = variable("CIDER_EMULATOR_FAIL", "");
  return read;
}

} // namespace

const Environment &environment() {
  static const auto *read = new Environment(read_environment()); // hosts may still ask while the process exits
  return *read;
}

} // namespace emulator
