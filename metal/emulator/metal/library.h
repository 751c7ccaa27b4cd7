#pragma once

#include <string>

#include "../objc/object.h"
#include "../runtime/modules.h"
#include "compile-options.h"
#include "error.h"
#include "function-constants.h"

namespace emulator {

class String;

class Library : public Object {
public:
  static Class &objc_class();
  explicit Library(const Module &module) : module(module) {}

  const Module &module;
};

class Function : public Object {
public:
  static Class &objc_class();
  Function(const Module &module, const Kernel &kernel, ConstantValues constants)
      : module(module), kernel(kernel), constants(std::move(constants)) {}

  const Module &module;
  const Kernel &kernel;
  const ConstantValues constants;
};

// -[MTLDevice newLibraryWithSource:options:error:]
Library *new_library(const std::string &source, const CompileSettings &settings, Error **error);

} // namespace emulator
