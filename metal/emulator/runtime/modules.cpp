#include "modules.h"

#include <dlfcn.h>
#include <map>
#include <memory>
#include <mutex>

#include "diagnose.h"

namespace emulator {
namespace {

std::mutex mutex;
Module *loading = nullptr;

std::map<std::string, std::unique_ptr<Module>> &modules() {
  static auto *all = new std::map<std::string, std::unique_ptr<Module>>;
  return *all;
}

// Modules find the runtime's functions among those that are visible to all, wherever the host loaded this library to.
void become_visible() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<const void *>(&emulator_register_kernel), &info) ||
      !dlopen(info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD)) {
    fail("the emulator cannot make itself visible to kernels");
  }
}

} // namespace

const Kernel *Module::find(const std::string &name) const {
  for (const Kernel *kernel : kernels) {
    if (name == kernel->name) return kernel;
  }
  return nullptr;
}

const Module *load_module(const std::string &file, std::string &error) {
  const std::lock_guard lock(mutex);
  const auto known = modules().find(file);
  if (known != modules().end()) return known->second.get();
  become_visible();
  auto module = std::make_unique<Module>();
  loading = module.get();
  const void *handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  loading = nullptr;
  if (!handle) {
    error = dlerror();
    return nullptr;
  }
  return (modules()[file] = std::move(module)).get();
}

void register_kernel(const Kernel *kernel) {
  if (!loading) fail("kernel %s was loaded by something else than the emulator", kernel->name);
  loading->kernels.push_back(kernel);
}

void register_constant(const FunctionConstant *constant) {
  if (!loading) fail("function constant %s was loaded by something else than the emulator", constant->name);
  loading->constants.push_back(constant);
}

} // namespace emulator
