// Shared objects of translated kernels, as they are loaded.
#pragma once

#include <string>
#include <vector>

#include "emulator/runtime.h"

namespace emulator {

struct Module {
  std::vector<const Kernel *> kernels;
  std::vector<const FunctionConstant *> constants;

  const Kernel *find(const std::string &name) const;
};

// A module stays loaded until the process ends, and is loaded once. Null, and why in `error`, if it cannot be.
const Module *load_module(const std::string &file, std::string &error);

// While a module is loaded: of it.
void register_kernel(const Kernel *kernel);
void register_constant(const FunctionConstant *constant);

} // namespace emulator
